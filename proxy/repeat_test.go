package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// breakOff is a host that reads a request and closes the connection without an
// answer. It answers only /wxa/warm, after which the connection is used again.
func breakOff(t *testing.T) *rawHost {
	return newRawHost(t, func(c *rawConn, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/wxa/warm" {
			_, _ = io.WriteString(c.Conn, "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"errcode\":0}")
			return true
		}
		return false
	})
}

// goodHost answers every request.
func goodHost(t *testing.T) *rawHost {
	return newRawHost(t, func(c *rawConn, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(c.Conn, "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n")
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(c.Conn, `{"errcode":0}`)
		}
		return true
	})
}

// replaceHosts gives both platforms the same hosts.
func (w *world) replaceHosts(t *testing.T, urls ...string) {
	t.Helper()
	d := *w.dir
	d.Upstreams = map[errcode.Platform]*wechat.Hosts{}
	for _, p := range []errcode.Platform{errcode.MP, errcode.WeCom} {
		h, err := wechat.NewHosts(wechat.Options{Platform: p, BaseURLs: urls, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.Close)
		d.Upstreams[p] = h
	}
	w.proxy.Use(&d)
}

// A host has read the request and broke the connection. What can be executed
// twice without harm goes to the second host. A login does not, although it is a
// GET, because its code works once. Nothing goes to the first host again, which
// net/http would do by itself on a connection from the pool.
func TestRepeatAfterTheHostBrokeOff(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	if g := w.call("GET /@staff/cgi-bin/user/get", ""); g.StatusCode != 200 { // the token of WeCom
		t.Fatal(g)
	}
	const login, ordinary = false, true
	for _, c := range []struct {
		line   string
		repeat bool
	}{
		{"GET /sns/jscode2session?js_code=c&grant_type=authorization_code", login},
		{"GET //sns/jscode2session/?js_code=c", login},
		{"GET /sns/%6ascode2session?js_code=c", login},
		{"GET /sns/oauth2/access_token?code=c&grant_type=authorization_code", login},
		{"GET /sns/component/jscode2session?js_code=c&component_access_token=t", login},
		{"GET /sns/oauth2/component/access_token?code=c", login},
		{"GET /@staff/cgi-bin/auth/getuserinfo?code=c", login},
		{"GET /@staff/cgi-bin/user/getuserinfo?code=c", login},
		{"GET /@staff/cgi-bin/miniprogram/jscode2session?js_code=c", login},
		{"GET /@staff/cgi-bin/service/auth/getuserinfo3rd?code=c&suite_access_token=t", login},
		{"GET /@staff/cgi-bin/service/getuserinfo3rd?code=c&suite_access_token=t", login},
		{"GET /@staff/cgi-bin/service/miniprogram/jscode2session?js_code=c&suite_access_token=t", login},
		{"POST /cgi-bin/message/custom/send", login},
		{"PUT /wxa/x", login},
		{"OPTIONS /wxa/x", login},
		{"DELETE /wxa/x", login},
		{"GET /cgi-bin/user/get", ordinary},
		{"HEAD /cgi-bin/user/get", ordinary},
		{"GET /@staff/cgi-bin/user/get", ordinary},
		{"HEAD /@staff/cgi-bin/user/get", ordinary},
		{"GET /sns/userinfo?access_token=u&openid=o", ordinary},
		{"HEAD /sns/userinfo?access_token=u&openid=o", ordinary},
	} {
		for _, pooled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, pooled %v", c.line, pooled), func(t *testing.T) {
				first, second := breakOff(t), goodHost(t)
				w.replaceHosts(t, first.url, second.url)
				before := 0
				if pooled {
					for _, account := range []string{"shop", "staff"} { // the connections of each platform are its own
						if g := w.call("GET /@"+account+"/wxa/warm", ""); g.StatusCode != 200 {
							t.Fatal(g)
						}
						before++
					}
				}
				body := ""
				if strings.HasPrefix(c.line, "P") {
					body = message
				}
				g := w.call(c.line, body)
				atFirst, atSecond := len(first.seen())-before, len(second.seen())
				switch {
				case atFirst != 1 && !(pooled && c.repeat && atFirst == 2): // net/http itself repeats a GET
					t.Errorf("the first host got it %d times", atFirst)
				case c.repeat && (g.StatusCode != 200 || atSecond != 1):
					t.Errorf("%v, and the second host got it %d times", g, atSecond)
				case !c.repeat && (g.StatusCode != 502 || atSecond != 0):
					t.Errorf("%v, and the second host got it %d times", g, atSecond)
				}
			})
		}
	}
}

// A login that no host has read may go to the next one.
func TestLoginGoesToTheSecondHostIfTheFirstIsDown(t *testing.T) {
	w := newWorld(t, setup{})
	second := goodHost(t)
	w.replaceHosts(t, nobody(t), second.url)
	if g := w.call("GET /sns/jscode2session?js_code=c", ""); g.StatusCode != 200 || len(second.seen()) != 1 {
		t.Errorf("%v, and the second host got %d calls", g, len(second.seen()))
	}
}
