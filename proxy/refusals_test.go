package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// refusalRow is a row of the table of answers that the proxy makes itself.
type refusalRow struct {
	name   string
	world  setup
	before func(*world) // calls to make the world so
	line   string
	body   string
	header []string
	status int
	kind   string // RFC 9209's
	words  string // all that comes behind our name
	retry  string // Retry-After, a regular expression; "": none
}

func refusals(t testing.TB) []refusalRow {
	withClients := setup{clients: company(), deny: denyList()}
	small := setup{proxy: func(o *Options) { o.MaxBody = 10 }}
	return []refusalRow{
		{name: "a query with a semicolon", line: "GET /cgi-bin/user/get?a=1;b=2", status: 400, kind: "http_request_error", words: "the query contains ;: escape it, or use & between parameters"},
		{name: "a query with a bad escape", line: "GET /cgi-bin/user/get?a=%zz", status: 400, kind: "http_request_error", words: "the query contains an invalid escape"},
		{name: "a query without end", line: "GET /cgi-bin/user/get?" + strings.Repeat("a&", 1000) + "a", status: 400, kind: "http_request_error", words: "the query has more than 1000 parameters"},
		{name: "a dot segment", line: "GET /cgi-bin/../sns/auth", status: 400, kind: "http_request_error", words: "the path contains a . or .. segment"},
		{name: "an Upgrade", line: "GET /cgi-bin/user/get", header: []string{"Connection: Upgrade", "Upgrade: websocket"}, status: 400, kind: "http_request_error", words: "Upgrade is not supported"},
		{name: "TRACE", line: "TRACE /cgi-bin/user/get", status: 400, kind: "http_request_error", words: "TRACE is not supported"},
		{name: "a path and a parameter that differ", line: "GET /@shop/cgi-bin/user/get?from_appid=" + blogID, status: 400, kind: "http_request_error", words: `from_appid names account "blog", but the call is for account "shop"`},
		{name: "two from_appid", line: "GET /cgi-bin/user/get?from_appid=a&from_appid=b", status: 400, kind: "http_request_error", words: "from_appid has two different values"},
		{name: "a token endpoint that is put", line: "PUT /cgi-bin/token", status: 400, kind: "http_request_error", words: "this path accepts GET and POST"},

		{name: "no key", world: withClients, line: "GET /cgi-bin/user/get", status: 401, kind: "http_request_denied", words: "a client key is required: send it as Authorization: Bearer, or as the password of Basic authentication"},
		{name: "a wrong key", world: withClients, line: "GET /cgi-bin/user/get", header: []string{bearer("x")}, status: 401, kind: "http_request_denied", words: "unknown client key"},
		{name: "a wrong password", world: withClients, line: "GET /cgi-bin/user/get", header: []string{"Authorization: Basic eDp5"}, status: 401, kind: "http_request_denied", words: "unknown client key"},

		{name: "an account of others", world: withClients, line: "POST /@blog/cgi-bin/message/custom/send", body: "{}", header: []string{bearer(billingKey)}, status: 403, kind: "http_request_denied", words: `client "billing" may not use account "blog"`},
		{name: "a path without a rule", world: withClients, line: "POST /cgi-bin/menu/create", body: "{}", header: []string{bearer(billingKey)}, status: 403, kind: "http_request_denied", words: `client "billing" has no allow rule for POST /cgi-bin/menu/create`},
		{name: "a path with a rule against it", world: withClients, line: "GET /cgi-bin/menu/delete", header: []string{bearer(billingKey)}, status: 403, kind: "http_request_denied", words: `GET /cgi-bin/menu/delete is denied to client "billing" (rule /cgi-bin/menu/delete)`},
		{name: "a path that is nobody's", world: withClients, line: "POST /cgi-bin/clear_quota", body: "{}", header: []string{bearer(rootKey)}, status: 403, kind: "http_request_denied", words: `POST /cgi-bin/clear_quota is denied to everyone (rule /cgi-bin/clear_quota*)`},
		{name: "a page of another site", line: "GET /cgi-bin/user/get", header: []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, status: 403, kind: "http_request_denied", words: "cross-site request from a browser"},
		{
			name: "a signature for a host that is not listed", world: setup{proxy: func(o *Options) { o.JSSDKHosts = []string{"shop.example"} }},
			line: "GET /-/jssdk/config?url=https://evil.example/", status: 403, kind: "http_request_denied",
			words: "the host of the page is not listed in PROXY_JSSDK_HOSTS",
		},

		{name: "an account that there is not", world: withClients, line: "GET /@nobody/cgi-bin/user/get", header: []string{bearer(rootKey)}, status: 404, kind: "destination_not_found", words: `unknown account "nobody"`},
		{name: "no account at all", world: setup{noShop: true}, line: "GET /cgi-bin/user/get", status: 404, kind: "destination_not_found", words: "the call names no account and there is no default account: call /@account/…"},
		{name: "a path of ours that there is not", line: "GET /-/nothing", status: 404, kind: "destination_not_found", words: "not found: the proxy itself serves only /-/jssdk/config and /-/jssdk/card"},
		{name: "no path", line: "GET /", status: 404, kind: "destination_not_found", words: "call a WeChat path, such as /cgi-bin/get_api_domain_ip"},

		{name: "a long body", world: small, line: "POST /wxa/x", body: "12345678901", status: 413, kind: "http_request_error", words: "the request body is longer than 10 bytes"},

		{
			name: "a client's rate", world: withClients, line: "GET /cgi-bin/user/get", header: []string{bearer(hastyKey)}, status: 429, kind: "connection_limit_reached",
			before: func(w *world) { w.call("GET /cgi-bin/user/get", "", bearer(hastyKey)) },
			words:  `client "hasty" has exceeded its rate limit`, retry: "^(100|9[0-9])$",
		},

		{name: "a host that is down", world: setup{hosts: func(string) []string { return []string{closedHost(t)} }}, line: "GET /cgi-bin/user/get", status: 502, kind: "connection_refused", words: "cannot reach WeChat: connection refused"},
		{
			name: "a host that breaks off", line: "POST /cgi-bin/menu/create", body: "{}", status: 502, kind: "connection_terminated", words: "no answer from WeChat: connection closed before the response was complete",
			before: func(w *world) { w.wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/menu", Kind: wechattest.Reset}) },
		},
		{
			name: "no credential", line: "GET /@blog/cgi-bin/user/get", status: 503, kind: "destination_unavailable",
			before: func(w *world) { w.wechat.SetSecret(blogID, "another") },
			words:  `~^cannot get blog/access_token: /cgi-bin/stable_token: .*: 40125 invalid appsecret`, retry: `^[1-9]\d*$`,
		},
		{
			name: "every breaker is open", world: setup{hosts: func(string) []string { return []string{closedHost(t)} }, openFor: time.Hour},
			before: func(w *world) {
				for range 5 {
					w.call("GET /cgi-bin/user/get", "")
				}
			},
			line: "GET /cgi-bin/user/get", status: 503, kind: "destination_unavailable", words: "circuit breaker open after repeated failures at WeChat", retry: `^3[56]\d\d$`,
		},
		{
			name: "no answer until the deadline", world: setup{timeout: 50 * time.Millisecond}, line: "POST /cgi-bin/menu/create", body: "{}", status: 504, kind: "http_response_timeout", words: "~^no answer from WeChat: .*time",
			before: func(w *world) { w.wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/menu", Kind: wechattest.Hang}) },
		},
	}
}

// Every answer that the proxy makes itself, as a client sees it; and the same
// with PROXY_ERROR_STATUS=ok, where nothing but the status differs.
func TestRefusals(t *testing.T) {
	for _, row := range refusals(t) {
		for _, alwaysOK := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, always 200 %v", row.name, alwaysOK), func(t *testing.T) {
				t.Parallel()
				s := row.world
				s.proxy = func(o *Options) {
					if row.world.proxy != nil {
						row.world.proxy(o)
					}
					o.StatusOK = alwaysOK
				}
				w := newWorld(t, s)
				w.warm()
				if row.before != nil {
					row.before(w)
				}
				g := w.call(row.line, row.body, append(row.header, "X-Request-Id: its-own.id_1")...)
				row.check(t, g, alwaysOK)
			})
		}
	}
}

func (row refusalRow) check(t *testing.T, g got, alwaysOK bool) {
	t.Helper()
	status := row.status
	if alwaysOK {
		status = http.StatusOK
	}
	if g.StatusCode != status || g.Code != -row.status {
		t.Errorf("%v, want %d with errcode %d", g, status, -row.status)
	}
	words, ours := strings.CutPrefix(g.Msg, "wechat-token-proxy: ")
	if pattern, loose := strings.CutPrefix(row.words, "~"); !ours || !loose && words != row.words || loose && !regexp.MustCompile(pattern).MatchString(words) {
		t.Errorf("%q, want %q", g.Msg, row.words)
	}
	if strings.HasSuffix(g.body, "\n") || !strings.HasPrefix(g.body, fmt.Sprintf(`{"errcode":%d,"errmsg":"`, -row.status)) || !strings.HasSuffix(g.body, `"}`) {
		t.Errorf("%q", g.body)
	}
	if got := g.Header.Get("Proxy-Status"); !strings.HasPrefix(got, "wechat-token-proxy; error="+row.kind+`; details="`) {
		t.Errorf("Proxy-Status: %s", got)
	}
	if got := g.Header.Get("Retry-After"); (got == "") != (row.retry == "") || !regexp.MustCompile(row.retry).MatchString(got) {
		t.Errorf("Retry-After: %q, want %q", got, row.retry)
	}
	if got := g.Header.Get("WWW-Authenticate") != ""; got != (row.status == http.StatusUnauthorized) {
		t.Errorf("WWW-Authenticate: %v", got)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"X-Request-Id": "its-own.id_1", "Location": "", "Content-Length": fmt.Sprint(len(g.body)),
	} {
		if got := g.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// The two exceptions: what SDKs must take for WeChat's own answer.
func TestRefusalsInWeChatsOwnWords(t *testing.T) {
	for _, alwaysOK := range []bool{false, true} {
		w := newWorld(t, setup{clients: company(), deny: denyList(), proxy: func(o *Options) { o.StatusOK = alwaysOK }})
		for _, c := range []struct {
			name, line, body string
			code             int
			words            string
		}{
			{"a token for a wrong key", "GET /cgi-bin/token?grant_type=client_credential&appid=" + shopID + "&secret=wrong", "", 40125, "invalid appsecret"},
			{"a token for no key", "GET /cgi-bin/token?appid=" + shopID, "", 40125, "invalid appsecret"},
			{"a token for the AppSecret, which is no client key", "GET /cgi-bin/token?appid=" + shopID + "&secret=" + shopSecret, "", 40125, "invalid appsecret"},
			{"the same by stable_token", "POST /cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"` + shopID + `","secret":"wrong"}`, 40125, "invalid appsecret"},
			{"the same at WeCom", "GET /cgi-bin/gettoken?corpid=" + corpID + "&corpsecret=wrong", "", 40125, "invalid appsecret"},
			{"a token of an account that there is not", "GET /cgi-bin/token?appid=wx1&secret=" + billingKey, "", 40013, "invalid appid"},
			{"a token of an account that the client may not use", "GET /cgi-bin/token?appid=" + blogID + "&secret=" + billingKey, "", 40013, "invalid appid"},
			{"a token of a corp that the client may not use", "GET /cgi-bin/gettoken?corpid=" + corpID + "&corpsecret=" + billingKey, "", 40013, "invalid appid"},
			{"a login with a wrong key", "GET /sns/jscode2session?appid=" + shopID + "&secret=wrong&js_code=c&grant_type=authorization_code", "", 40125, "invalid appsecret"},
			{"a call with a token of WeChat's", "GET /cgi-bin/user/get?access_token=68_abc", "", 40001, "invalid credential, access_token is"},
			{"a call with a placeholder that was forged", "GET /cgi-bin/user/get?access_token=wtp1_" + strings.Repeat("A", 60), "", 40001, "invalid credential, access_token is"},
		} {
			g := w.call(c.line, c.body)
			if g.StatusCode != 200 || g.Code != c.code || !strings.HasPrefix(g.Msg, "wechat-token-proxy: "+c.words) || g.Header.Get("Proxy-Status") != "" || strings.HasSuffix(g.body, "\n") {
				t.Errorf("%s: %v, %v", c.name, g, g.Header)
			}
		}
		if n := w.wechat.Count("call"); n != 0 {
			t.Errorf("WeChat saw %d calls", n)
		}
	}
}

// An answer that is no HTTP, and a body whose length only its end tells.
func TestMoreRefusals(t *testing.T) {
	t.Run("a host that talks nonsense", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.6\r\n\r\n")
				_ = conn.Close()
			}
		}()
		w := newWorld(t, setup{hosts: func(string) []string { return []string{"http://" + l.Addr().String()} }})
		g := w.call("GET /cgi-bin/user/get", "")
		if g.StatusCode != 502 || g.Code != -502 || !strings.Contains(g.Header.Get("Proxy-Status"), "error=http_protocol_error") || strings.Contains(g.body, "SSH") {
			t.Errorf("%v %v", g, g.Header)
		}
	})
	t.Run("a long body of unknown length", func(t *testing.T) {
		w := newWorld(t, setup{proxy: func(o *Options) { o.MaxBody = 10 }})
		w.warm()
		g, err := w.try("POST /wxa/x", io.MultiReader(strings.NewReader("1234567890"), strings.NewReader("1")))
		if err != nil || g.StatusCode != 413 || g.Code != -413 || w.wechat.Count("call") != 0 {
			t.Errorf("%v %v", g, err)
		}
	})
	t.Run("a long body for an endpoint of ours", func(t *testing.T) {
		w := newWorld(t, setup{})
		g := w.call("POST /cgi-bin/stable_token", `{"x":"`+strings.Repeat("y", maxLocalBody)+`"}`)
		if g.StatusCode != 413 || g.Code != -413 {
			t.Errorf("%.200v", g)
		}
	})
	t.Run("WeChat's own 5xx is passed on as it came", func(t *testing.T) {
		w := newWorld(t, setup{})
		w.warm()
		w.wechat.Trouble(wechattest.Trouble{Kind: wechattest.Status, Status: 500})
		g := w.call("POST /cgi-bin/menu/create", "{}")
		if g.StatusCode != 500 || g.Header.Get("Proxy-Status") != "" || strings.Contains(g.body, "wechat-token-proxy") {
			t.Errorf("%v", g)
		}
	})
}

// X-Request-Id is the client's own, if it is one; answered whoever answers.
func TestRequestIDs(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	for _, line := range []string{"GET /cgi-bin/user/get", "GET /-/nothing", "GET /cgi-bin/token", "GET /a?;"} {
		for id, own := range map[string]bool{
			"a": true, "0.a_B-9": true, strings.Repeat("x", 64): true,
			strings.Repeat("x", 65): false, "a b": false, "a/b": false, "<a>": false, "": false,
		} {
			g := w.call(line, "", "X-Request-Id: "+id)
			if got := g.Header.Values("X-Request-Id"); len(got) != 1 || !wellFormedID(got[0]) || (got[0] == id) != own {
				t.Errorf("%s with %q: %q", line, id, got)
			}
		}
	}
	if h := w.wechat.Seen()[0].Header.Get("X-Request-Id"); h != "" {
		t.Errorf("WeChat was told %q", h)
	}
}
