package proxy

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net"
	"net/http"
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

// denyList is the default deny list of DESIGN.md section 7.
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

// wire sends bytes as they are over a connection of their own, and returns the
// answer's last byte and all before it. The request has to end the connection,
// or method must tell whether the answer has a body.
func (w *world) wire(method, request string) got {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, request) // a refusal may come before the end
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("%.80q: %v", request, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("%.80q: %v", request, err)
	}
	g := got{Response: resp, body: string(b)}
	_ = json.Unmarshal(b, &g) // not every answer is JSON
	return g
}
