package proxy

import (
	"encoding/base64"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
)

// Who may call what, as prose: clients × accounts × methods × paths.
func TestWhoMayCallWhat(t *testing.T) {
	w := companyWorld(t)
	w.warm()
	for _, c := range []struct {
		line   string
		key    string
		status int
		where  string // whose token WeChat saw; "": WeChat saw nothing
	}{
		// billing may use shop alone, and has three rules.
		{"POST /cgi-bin/message/custom/send", billingKey, 200, shopID},
		{"POST /cgi-bin/message/template/send", billingKey, 200, shopID},
		{"POST /@shop/wxa/msg_sec_check", billingKey, 200, shopID},
		{"POST /@" + shopID + "/wxa/msg_sec_check", billingKey, 200, shopID},
		{"POST /wxa/msg_sec_check?from_appid=" + shopID, billingKey, 200, shopID},
		{"GET /wxa/msg_sec_check", billingKey, 403, ""},
		{"HEAD /wxa/msg_sec_check", billingKey, 403, ""},
		{"POST /wxa/msg_sec_check2", billingKey, 403, ""},
		{"POST /wxa/Msg_sec_check", billingKey, 403, ""},
		{"GET /cgi-bin/menu/get", billingKey, 200, shopID},
		{"HEAD /cgi-bin/menu/get", billingKey, 200, shopID},
		{"POST /cgi-bin/menu/create", billingKey, 403, ""},
		{"GET /cgi-bin/menu/delete", billingKey, 403, ""},
		{"GET /cgi-bin/user/get", billingKey, 403, ""},
		{"POST /cgi-bin/message", billingKey, 403, ""},
		{"POST /@blog/wxa/msg_sec_check", billingKey, 403, ""},
		{"POST /@" + blogID + "/wxa/msg_sec_check", billingKey, 403, ""},
		{"POST /wxa/msg_sec_check?from_appid=" + blogID, billingKey, 403, ""},
		{"POST /@nobody/wxa/msg_sec_check", billingKey, 404, ""},

		// root has no rules, so only what is denied to everyone is denied.
		{"GET /cgi-bin/user/get", rootKey, 200, shopID},
		{"GET /@blog/cgi-bin/user/get", rootKey, 200, blogID},
		{"GET /@staff/cgi-bin/user/get", rootKey, 200, corpID},
		{"POST /cgi-bin/clear_quota", rootKey, 403, ""},
		{"POST /cgi-bin/clear_quota/v2", rootKey, 403, ""},
		{"POST /cgi-bin/openapi/quota/clear", rootKey, 403, ""},
		{"POST /cgi-bin/openapi/quota/get", rootKey, 200, shopID},
		{"POST /cgi-bin/component/api_component_token", rootKey, 403, ""},
		{"POST /tcb/usecloudaccesstoken", rootKey, 403, ""},
		{"POST /@blog/tcb/usecloudaccesstoken", rootKey, 403, ""},

		// website's default is blog, its first; it may not send messages.
		{"GET /cgi-bin/user/get", websiteKey, 200, blogID},
		{"GET /@shop/cgi-bin/user/get", websiteKey, 200, shopID},
		{"POST /cgi-bin/message/custom/send", websiteKey, 403, ""},
		{"GET /@staff/cgi-bin/user/get", websiteKey, 403, ""},

		// crew has WeCom alone.
		{"GET /cgi-bin/user/get", crewKey, 200, corpID},
		{"GET /@staff/cgi-bin/user/get", crewKey, 200, corpID},
		{"GET /@shop/cgi-bin/user/get", crewKey, 403, ""},
	} {
		w.wechat.ResetLog()
		body := ""
		if strings.HasPrefix(c.line, "POST") {
			body = `{"touser":"o","template_id":"t","data":{},"msgtype":"text","text":{"content":"x"},"appid":"` + shopID + `"}`
		}
		g := w.call(c.line, body, bearer(c.key))
		calls := w.wechat.Count("call")
		if g.StatusCode != c.status || (calls > 0) != (c.where != "") {
			t.Errorf("%s by %s: %v, WeChat saw %d calls", c.line, c.key, g, calls)
			continue
		}
		if seen := w.wechat.Seen(); c.where != "" && seen[len(seen)-1].AppID != c.where {
			t.Errorf("%s by %s: the call of %s", c.line, c.key, seen[len(seen)-1].AppID)
		}
	}
}

// Of several things that are wrong, the first in this order is told: the call
// itself, who calls, which account, whether they may, how often.
func TestWhatIsToldFirst(t *testing.T) {
	w := companyWorld(t)
	w.call("GET /cgi-bin/user/get", "", bearer(hastyKey)) // its rate is used up now
	shop := w.placeholderOf("shop", websiteKey)
	for _, c := range []struct {
		name, line string
		header     []string
		status     int
	}{
		{"malformed, and no key", "GET /cgi-bin/user/get?;", nil, 400},
		{"malformed, and a wrong key", "GET /@nobody/cgi-bin/../user", []string{bearer("x")}, 400},
		{"no key, and an account that there is not", "GET /@nobody/cgi-bin/user/get", nil, 401},
		{"no key, and a path that is denied", "POST /cgi-bin/clear_quota", nil, 401},
		{"no key, and a path of ours that there is not", "GET /-/nothing", nil, 401},
		{"no key, and no path", "GET /", nil, 401},
		{"a wrong key, and a contradiction", "GET /@shop/cgi-bin/user/get?from_appid=" + blogID, []string{bearer("x")}, 401},
		{"a wrong key, and a placeholder that is good", "GET /cgi-bin/user/get?access_token=" + shop, []string{bearer("x")}, 401},
		{"a contradiction, and a path that is denied", "POST /@shop/cgi-bin/clear_quota?from_appid=" + blogID, []string{bearer(rootKey)}, 400},
		{"an account that there is not, and a path that is denied", "POST /@nobody/cgi-bin/clear_quota", []string{bearer(rootKey)}, 404},
		{"another account's placeholder, and a path that is denied", "POST /@blog/cgi-bin/clear_quota?access_token=" + shop, []string{bearer(rootKey)}, 403},
		{"a path that is denied, and no rate left", "POST /cgi-bin/clear_quota", []string{bearer(hastyKey)}, 403},
		{"no rate left", "GET /cgi-bin/user/get", []string{bearer(hastyKey)}, 429},
		{"no rate left, and a path of ours", "GET /-/jssdk/config?url=x", []string{bearer(hastyKey)}, 429},
	} {
		if g := w.call(c.line, "", c.header...); g.StatusCode != c.status || g.Code != -c.status {
			t.Errorf("%s: %v, want %d", c.name, g, c.status)
		}
	}
}

// A stranger hears the same of an account that there is and of one that there
// is not, and never a name that they did not say themselves.
func TestStrangersLearnNoNames(t *testing.T) {
	w := companyWorld(t)
	w.warm()
	for _, line := range []string{
		"GET /@%s/cgi-bin/user/get", "GET /cgi-bin/user/get?from_appid=%s", "GET /@%s/-/jssdk/config?url=https://a.example/", "GET /@%s/",
		"GET /@%s/cgi-bin/ticket/getticket", "GET /@%s/sns/jscode2session?js_code=c", "GET /@%s/sns/jscode2session?js_code=c&secret=x",
		"GET /sns/jscode2session?js_code=c&appid=%s&secret=x", "GET /@%s/cgi-bin/token?secret=x", "GET /cgi-bin/token?appid=%s&secret=x",
		"GET /@%s/cgi-bin/user/get?access_token=x", "GET /@%s/nothing", "POST /@%s/cgi-bin/clear_quota",
	} {
		told := map[string]string{} // :: header → what is told of nobody
		for _, name := range []string{"nobody", "shop", "blog", "staff", shopID, blogID, corpID, "SHOP"} {
			for _, header := range []string{"X: y", bearer("wrong"), "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("shop:wrong"))} {
				g := w.call(strings.Replace(line, "%s", name, 1), "", header)
				if name == "nobody" {
					told[header] = g.String()
				} else if told[header] != g.String() {
					t.Errorf("%s of %s, %s: %v; of nobody: %s", line, name, header, g, told[header])
				}
			}
		}
	}
	// Where no key is needed, there is no contradiction to be told of either.
	for _, line := range []string{
		"GET /@" + shopID + "/sns/userinfo?from_appid=" + blogID, "GET /@" + shopID + "/sns/oauth2/refresh_token?appid=" + blogID,
		"GET /@" + corpID + "/sns/auth?from_appid=" + blogID,
	} {
		g := w.call(line, "")
		for _, name := range []string{"shop", "blog", "staff"} {
			if strings.Contains(g.body, name) {
				t.Errorf("%s: %v", line, g)
			}
		}
	}
}

// What a placeholder is good for ends with its client's key, its account's
// secret, and its client's right to the account.
func TestThePlaceholdersEnd(t *testing.T) {
	w := companyWorld(t)
	w.warm()
	held := w.placeholderOf("shop", websiteKey)
	call := "GET /cgi-bin/user/get?access_token=" + held
	if g := w.call(call, ""); g.Code != 0 {
		t.Fatalf("%v", g)
	}
	change := func(edit func([]access.ClientSpec) []access.ClientSpec) *Directory {
		policy, err := access.New(access.Options{Clients: edit(company()), Deny: denyList()}, w.dir.Policy)
		if err != nil {
			t.Fatal(err)
		}
		return w.directory(policy, true)
	}
	t.Run("the client is deleted", func(t *testing.T) {
		w.proxy.Use(change(func(all []access.ClientSpec) []access.ClientSpec { return append(all[:2:2], all[3:]...) }))
		if g := w.call(call, ""); g.StatusCode != 200 || g.Code != 40001 {
			t.Errorf("%v", g)
		}
		if g := w.call("GET /@shop/cgi-bin/token?secret="+websiteKey, ""); g.Code != 40125 {
			t.Errorf("%v", g)
		}
		if g := w.call("GET /cgi-bin/user/get", "", bearer(websiteKey)); g.StatusCode != 401 {
			t.Errorf("%v", g)
		}
	})
	t.Run("its key is changed", func(t *testing.T) {
		w.proxy.Use(change(func(all []access.ClientSpec) []access.ClientSpec {
			all[2].KeySHA256[0]++
			return all
		}))
		if g := w.call(call, ""); g.Code != 40001 {
			t.Errorf("%v", g)
		}
	})
	t.Run("the account is taken from it", func(t *testing.T) {
		w.proxy.Use(change(func(all []access.ClientSpec) []access.ClientSpec {
			all[2].Accounts = []string{"blog"}
			return all
		}))
		if g := w.call(call, ""); g.StatusCode != 403 {
			t.Errorf("%v", g)
		}
	})
	t.Run("the account's secret is changed", func(t *testing.T) {
		d := change(func(all []access.ClientSpec) []access.ClientSpec { return all })
		d.Accounts["shop"].Secret = secret.New("another")
		w.proxy.Use(d)
		if g := w.call(call, ""); g.Code != 40001 {
			t.Errorf("%v", g)
		}
	})
	t.Run("all is as it was", func(t *testing.T) {
		w.proxy.Use(w.dir)
		if g := w.call(call, ""); g.Code != 0 {
			t.Errorf("%v", g)
		}
	})
}

// Where clients are anonymous, a placeholder is checked all the same: what is
// none is of no interest, what was one is to be fetched again.
func TestPlaceholdersOfNobody(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	held := tokenOf(t, w.call("GET /@blog/cgi-bin/token", ""))
	for _, c := range []struct {
		name, token string
		code        int
	}{
		{"its own", held, 0}, {"WeChat's", "68_abc", 0}, {"none", "", 0},
		{"one that was forged", held[:len(held)-2] + "AA", 40001}, {"one that looks like it", "wtp1_x", 0},
	} {
		if g := w.call("GET /cgi-bin/user/get?access_token="+c.token, ""); g.StatusCode != 200 || g.Code != c.code {
			t.Errorf("%s: %v", c.name, g)
		}
	}
}

// Ways to write a path that a rule is to refuse, or that means another.
// INJECTORS.md 4.3 has them from proxies that were fooled.
func TestPathTricksGetNowhere(t *testing.T) {
	w := companyWorld(t)
	w.warm()
	for _, trick := range []string{
		"/cgi-bin/message/../clear_quota", "/cgi-bin/message/%2e%2e/clear_quota", "/cgi-bin/message/.%2E/clear_quota", "/cgi-bin/message/..%2fclear_quota",
		"/cgi-bin/message/..%5cclear_quota", `/cgi-bin/message/..\clear_quota`, "/cgi-bin/./clear_quota", "//cgi-bin//clear_quota", "/cgi-bin/clear_quota/",
		"/cgi-bin/clear_quota;x=1", "/cgi-bin;/clear_quota", "/cgi-bin/clear_quota%3bx", "/cgi-bin/clear%5fquota", "/%63gi-bin/clear_quota", "/cgi-bin%2fclear_quota",
		"/cgi-bin/clear_quota%00", "/cgi-bin/clear_quota%23", "/cgi-bin/clear_quota%3f", "/cgi-bin/%2563lear_quota", "/cgi-bin/clear_quota%0a",
		"/@shop/../cgi-bin/clear_quota", "/@shop//cgi-bin/clear_quota", "/@shop%2fcgi-bin/clear_quota", "/%40shop/cgi-bin/clear_quota", "/@/cgi-bin/clear_quota",
		"/-/../cgi-bin/clear_quota", "/cgi-bin/openapi/rid/get/", "/tcb/usecloudaccesstoken//", "/cgi-bin/openapi/quota//clear/",
		"/tcb/%75secloudaccesstoken", "/cgi-bin/component/", "/cgi-bin/component/api_query_auth",
	} {
		g := w.wire("POST", "POST "+trick+" HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer "+rootKey+"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
		if n := w.wechat.Count("call"); n > 0 {
			s := w.wechat.Seen()
			t.Errorf("%s: %v, WeChat saw %s", trick, g, s[len(s)-1].RawPath)
			w.wechat.ResetLog()
		}
		if g.StatusCode < 400 || g.StatusCode >= 500 {
			t.Errorf("%s: %v", trick, g)
		}
	}
}

// No path that the rules refuse is served under any spelling: whatever goes
// on is no such path to the most careless reader.
func FuzzNoSpellingServesWhatIsRefused(f *testing.F) {
	policy, err := access.New(access.Options{Anonymous: true, Deny: append(denyList(), "/cgi-bin/menu/delete", "/-/jssdk/card")}, nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"/cgi-bin/clear_quota", "/@shop/cgi-bin/clear_quota", "/cgi-bin/menu/delete/", "//cgi-bin/menu//delete", "/cgi-bin/menu/%64elete", "/cgi-bin/menu/x/../delete",
		"/cgi-bin/menu/%2e/delete", "/cgi-bin%2fmenu/delete", "/cgi-bin/menu;/delete", "/cgi-bin/menu/delete%3f", "/cgi-bin/menu/%2564elete", "/@shop//-/jssdk/card/",
		"/cgi-bin\\menu\\delete", "/cgi-bin/menu/delete#x", "/@a/@b/cgi-bin/menu/delete", "/tcb/usecloudaccesstoken/.", "/%40shop/tcb/usecloudaccesstoken",
	} {
		f.Add(seed)
	}
	nobody, _ := policy.Identify(access.Offer{})
	f.Fuzz(func(t *testing.T, raw string) {
		target, refusal := parsePath(raw)
		if refusal != nil {
			return
		}
		d := decision{request: request{method: "POST", target: target}, client: nobody.Client}
		if !d.mayCall(policy).OK {
			return
		}
		// Served: then neither the path that goes up nor what a careless server
		// makes of it is one of those that are refused.
		for _, read := range carelessly(target.raw) {
			if v := policy.MayCall(nobody.Client, "POST", read); !v.OK {
				t.Errorf("%q goes up as %q, which may be read as %q: %s", raw, target.raw, read, v.Reason)
			}
		}
	})
}

// carelessly is what servers make of a path: decoded once or twice, with
// backslashes for slashes, cut at what ends a path, dots resolved.
func carelessly(raw string) []string {
	var out []string
	for range 3 {
		for _, p := range []string{raw, strings.ReplaceAll(raw, `\`, "/")} {
			for _, cut := range []string{"", ";", "?", "#", "\x00"} {
				q := p
				if cut != "" {
					q, _, _ = strings.Cut(p, cut)
				}
				if strings.HasPrefix(q, "/") {
					out = append(out, path.Clean(q))
				}
			}
		}
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			break
		}
		raw = decoded
	}
	return out
}
