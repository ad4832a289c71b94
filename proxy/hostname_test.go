package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
)

// By which name a call comes in, and what is made of it.
func TestFrontDoors(t *testing.T) {
	w := newWorld(t, setup{server: func(s *httptest.Server) { s.Config.DisableGeneralOptionsHandler = true }}) // as serve has it
	w.warm()
	_, port, _ := net.SplitHostPort(w.server.Listener.Addr().String())
	for _, c := range []struct {
		name, line, host string
		status           int
		appID            string // whose call WeChat saw; "": none
	}{
		{"our address", "GET /cgi-bin/user/get", "127.0.0.1:" + port, 200, shopID},
		{"a name of ours", "GET /cgi-bin/user/get", "wechat-proxy", 200, shopID},
		{"no name", "GET /cgi-bin/user/get", "", 200, shopID},
		{"WeChat's name", "GET /cgi-bin/user/get", "api.weixin.qq.com", 200, shopID},
		{"WeChat's name, with a port", "GET /cgi-bin/user/get", "api.weixin.qq.com:" + port, 200, shopID},
		{"WeChat's name in capitals, with a dot", "GET /cgi-bin/user/get", "API.weixin.QQ.com.", 200, shopID},
		{"WeCom's name", "GET /cgi-bin/user/get", "qyapi.weixin.qq.com", 200, corpID},
		{"WeChat's name, another account", "GET /@blog/cgi-bin/user/get", "api.weixin.qq.com", 200, blogID},
		{"WeChat's name, an account of WeCom", "GET /@staff/cgi-bin/user/get", "api.weixin.qq.com", 400, ""},
		{"WeCom's name, an account of WeChat", "GET /@shop/cgi-bin/user/get", "qyapi.weixin.qq.com", 400, ""},
		{"WeChat's name, absolute", "GET http://api.weixin.qq.com/cgi-bin/user/get", "x", 200, shopID},
		{"WeChat's name, absolute, with its port", "GET http://api.weixin.qq.com:80/cgi-bin/user/get", "x", 200, shopID},
		{"WeChat's name, absolute, as https", "GET https://api.weixin.qq.com/cgi-bin/user/get", "x", 200, shopID},
		{"WeCom's name, absolute", "GET http://qyapi.weixin.qq.com/cgi-bin/user/get", "x", 200, corpID},
		{"WeChat's name, absolute, another port", "GET http://api.weixin.qq.com:22/cgi-bin/user/get", "x", 421, ""},
		{"our address, absolute", "GET http://127.0.0.1:" + port + "/cgi-bin/user/get", "x", 200, shopID},
		{"localhost, absolute", "GET http://localhost:" + port + "/cgi-bin/user/get", "x", 200, shopID},
		{"our address, absolute, another port", "GET http://127.0.0.1:1/cgi-bin/user/get", "x", 421, ""},
		{"another's, absolute", "GET http://evil.example/cgi-bin/user/get", "api.weixin.qq.com", 421, ""},
		{"one that looks like it, absolute", "GET http://api.weixin.qq.com.evil.example/cgi-bin/user/get", "x", 421, ""},
		{"another of WeChat's, absolute", "GET http://mp.weixin.qq.com/cgi-bin/showqrcode", "x", 421, ""},
		{"a user name, absolute", "GET http://a:b@api.weixin.qq.com/cgi-bin/user/get", "x", 400, ""},
		{"a cloud's metadata, absolute", "GET http://169.254.169.254/latest/meta-data", "x", 421, ""},
		{"absolute without a path", "GET http://api.weixin.qq.com", "x", 404, ""},
		{"another protocol, absolute", "GET ftp://api.weixin.qq.com/cgi-bin/user/get", "x", 421, ""},
		{"CONNECT", "CONNECT api.weixin.qq.com:443", "api.weixin.qq.com:443", 400, ""},
		{"CONNECT to another", "CONNECT evil.example:443", "evil.example:443", 400, ""},
		{"TRACE", "TRACE /cgi-bin/user/get", "x", 400, ""},
		{"TRACK", "TRACK /cgi-bin/user/get", "x", 400, ""},
		{"OPTIONS of everything", "OPTIONS *", "x", 400, ""},
		{"no path", "GET *", "x", 400, ""},
	} {
		w.wechat.ResetLog()
		g := w.wire(strings.Fields(c.line)[0], c.line+" HTTP/1.1\r\nHost: "+c.host+"\r\nConnection: close\r\n\r\n")
		seen := w.wechat.Seen()
		switch {
		case g.StatusCode != c.status || c.status != 200 && g.Code != -c.status:
			t.Errorf("%s: %v, want %d", c.name, g, c.status)
		case (w.wechat.Count("call") > 0) != (c.appID != "") || c.appID != "" && seen[len(seen)-1].AppID != c.appID:
			t.Errorf("%s: WeChat saw %+v", c.name, seen)
		case g.Header.Get("Location") != "":
			t.Errorf("%s: a redirect to %s", c.name, g.Header.Get("Location"))
		}
	}
}

// A program that has the proxy as its http_proxy, and literal URLs.
func TestAsAnHTTPProxy(t *testing.T) {
	w := newWorld(t, setup{})
	at, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(at), DialContext: servetest.Loopback}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for _, c := range []struct{ url, want string }{
		{"http://api.weixin.qq.com/cgi-bin/token?appid=" + shopID + "&secret=x", `"access_token":"wtp1_`},
		{"http://api.weixin.qq.com/cgi-bin/user/get?access_token=x", `"openid"`},
		{"http://qyapi.weixin.qq.com/cgi-bin/gettoken?corpid=" + corpID + "&corpsecret=x", `"access_token":"wtp1_`},
	} {
		resp, err := client.Get(c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(b), c.want) {
			t.Errorf("%s: %d %s", c.url, resp.StatusCode, b)
		}
	}
	if resp, err := client.Get("http://evil.example/"); err != nil || resp.StatusCode != 421 {
		t.Errorf("%v %v", resp, err)
	} else {
		_ = resp.Body.Close()
	}
}

// Java's HttpClient offers h2c with its first call: that is ignored, and the
// call is a plain one. Any other upgrade is refused.
func TestUpgrades(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	for upgrade, status := range map[string]int{
		"h2c": 200, "H2C": 200, "websocket": 400, "h2c, websocket": 400, "TLS/1.0": 400, "": 400,
	} {
		w.wechat.ResetLog()
		g := w.wire("POST", "POST /wxa/x HTTP/1.1\r\nHost: p\r\nConnection: Upgrade, HTTP2-Settings, close\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"+
			"Upgrade: "+upgrade+"\r\nContent-Length: 2\r\n\r\n{}")
		if g.StatusCode != status || g.ProtoMajor != 1 {
			t.Errorf("%q: %v", upgrade, g)
		}
		for _, s := range w.wechat.Seen() {
			if h := s.Header; h.Get("Upgrade") != "" || h.Get("Http2-Settings") != "" || strings.Contains(h.Get("Connection"), "pgrade") || string(s.Body) != "{}" {
				t.Errorf("%q: WeChat saw %v, %q", upgrade, h, s.Body)
			}
		}
	}
}

// A browser that somebody else's page makes call the proxy on its user's own
// machine gets nothing, whatever it asks for and however it asks.
func TestPagesOfOtherSites(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	own := w.url
	for _, line := range []string{"GET /cgi-bin/user/get", "POST /cgi-bin/message/custom/send", "GET /cgi-bin/token", "GET /cgi-bin/ticket/getticket", "GET /sns/jscode2session", "GET /-/jssdk/config?url=https://a.example/"} {
		for _, c := range []struct {
			name   string
			header []string
			cross  bool
		}{
			{"a program", nil, false},
			{"another site's script", []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, true},
			{"another site's image", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: image"}, true},
			{"another port's script", []string{"Origin: http://127.0.0.1:3000", "Sec-Fetch-Site: same-site"}, true},
			{"an old browser's form", []string{"Origin: https://evil.example"}, true},
			{"a sandboxed page", []string{"Origin: null"}, true},
			{"the address bar", []string{"Sec-Fetch-Site: none"}, false},
			{"its own page", []string{"Origin: " + own, "Sec-Fetch-Site: same-origin"}, false},
			{"another site's script that says it is WeChat's", []string{"Host: api.weixin.qq.com", "Origin: https://evil.example"}, true},
		} {
			w.wechat.ResetLog()
			g := w.call(line, "", c.header...)
			if refused := g.StatusCode == 403; refused != c.cross || refused && len(w.wechat.Seen()) > 0 || g.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s by %s: %v", line, c.name, g)
			}
		}
	}
}

// What net/http refuses before us keeps its answer; it shows nothing.
func TestWhatIsNoHTTP(t *testing.T) {
	w := newWorld(t, setup{})
	for _, request := range []string{
		"GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /cgi-bin/user/get HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
		"POST /wxa/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
		"GET /cgi-bin/user/get\x00 HTTP/1.1\r\nHost: a\r\n\r\n", "GET cgi-bin/user/get HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		if line := w.rawCall(request); !strings.Contains(line, " 400 ") && !strings.Contains(line, " 501 ") && !strings.Contains(line, " 505 ") {
			t.Errorf("%q: %s", request, line)
		}
	}
	if n := w.wechat.Count("call"); n != 0 {
		t.Errorf("WeChat saw %d calls", n)
	}
}

// Two requests in one, by two readings of where the first ends.
func TestSmuggling(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	for _, framing := range []string{
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /cgi-bin/clear_quota HTTP/1.1\r\nHost: p\r\n\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
		"Content-Length: +2\r\n\r\n{}",
	} {
		_ = w.rawCall("POST /wxa/x HTTP/1.1\r\nHost: p\r\nConnection: close\r\n" + framing)
		for _, s := range w.wechat.Seen() {
			if s.Path != "/wxa/x" || s.Chunked || fmt.Sprint(s.Header["Content-Length"]) == "[5]" {
				t.Errorf("%q: WeChat saw %+v", framing, s)
			}
		}
		w.wechat.ResetLog()
	}
}

// A page whose name was made to lead to loopback counts as our own with the
// browser; without a key it must not get far.
func TestReboundNames(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	const browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64)"
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"a browser under a public name", []string{browser, "Host: evil.example.com"}, 403},
		{"a browser at our address", []string{browser}, 200},
		{"a browser at localhost", []string{browser, "Host: localhost:8080"}, 200},
		{"a program under a public name", []string{"Host: wechat.example.com"}, 200},
		{"a program under WeChat's name", []string{browser, "Host: api.weixin.qq.com"}, 200},
		{"a browser under a name of the house", []string{browser, "Host: wechat.lan"}, 200},
	} {
		if g := w.call("GET /cgi-bin/user/get", "", c.headers...); g.StatusCode != c.status {
			t.Errorf("%s: %v", c.name, g)
		}
	}
}
