package proxy

import (
	"crypto/sha256"
	"encoding/json"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
)

// Keys of the clients of company.
const (
	billingKey = "billing-key-3f9c"
	rootKey    = "root-key-77aa"
	websiteKey = "website-key-b1d0"
	crewKey    = "crew-key-90ee"
	hastyKey   = "hasty-key-0451"
)

// company is a few clients, no two of which may do the same.
func company() []access.ClientSpec {
	key := func(s string) [32]byte { return sha256.Sum256([]byte(s)) }
	return []access.ClientSpec{
		{
			Name: "billing", KeySHA256: key(billingKey), Accounts: []string{"shop"},
			Allow: []string{"/cgi-bin/message/*", "POST /wxa/msg_sec_check", "GET /cgi-bin/menu/*"}, Deny: []string{"/cgi-bin/menu/delete"},
		},
		{Name: "root", KeySHA256: key(rootKey)},
		{Name: "website", KeySHA256: key(websiteKey), Accounts: []string{"blog", "shop"}, Deny: []string{"/cgi-bin/message/*"}},
		{Name: "crew", KeySHA256: key(crewKey), Accounts: []string{"staff"}},
		{Name: "hasty", KeySHA256: key(hastyKey), Rate: 0.01, Burst: 1},
	}
}

// denyList is the default deny list of the config file.
func denyList() []string {
	return []string{"/cgi-bin/clear_quota*", "/cgi-bin/openapi/quota/clear", "/cgi-bin/openapi/rid/get", "/cgi-bin/component/*", "/tcb/usecloudaccesstoken"}
}

// companyWorld is a world that company's clients call.
func companyWorld(t testing.TB) *world {
	t.Helper()
	return newWorld(t, setup{clients: company(), deny: denyList()})
}

func bearer(key string) string { return "Authorization: Bearer " + key }

// tokenOf is the access_token of an answer.
func tokenOf(t testing.TB, g got) string {
	t.Helper()
	var doc struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(g.body), &doc); err != nil || doc.Token == "" {
		t.Fatalf("no token in %v", g)
	}
	return doc.Token
}

// placeholderOf is what the client of that key is given for an account.
func (w *world) placeholderOf(account, key string) string {
	w.t.Helper()
	return tokenOf(w.t, w.call("GET /@"+account+"/cgi-bin/token?secret="+key, ""))
}

func keyed(name, key string, accounts ...string) access.ClientSpec {
	return access.ClientSpec{Name: name, KeySHA256: sha256.Sum256([]byte(key)), Accounts: accounts}
}
