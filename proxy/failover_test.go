package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

const message = `{"touser":"OPENID","msgtype":"text","text":{"content":"hi"}}`

func TestFirstHostRefusesConnections(t *testing.T) {
	dead := closedHost(t)
	w := newWorld(t, setup{hosts: func(simulator string) []string { return []string{dead, simulator} }})
	w.warm()
	for i := range 50 {
		if g := w.call("POST /cgi-bin/message/custom/send", message); g.StatusCode != 200 || g.Code != 0 {
			t.Fatalf("POST %d: %v", i, g)
		}
	}
	if n := w.wechat.Count("executed"); n != 50 {
		t.Errorf("%d were executed", n)
	}
	if hosts := w.upstream.Status(); hosts[0].State != "open" || hosts[1].State != "closed" {
		t.Errorf("breakers: %+v", hosts)
	}
}

// All hosts are down: once the breakers have opened nobody waits, and the
// client is told when to come back. It ends by itself.
func TestAllHostsDown(t *testing.T) {
	var up atomic.Bool
	gate := gatedListener(t, &up)
	w := newWorld(t, setup{openFor: time.Second, hosts: func(simulator string) []string {
		gate.to = strings.TrimPrefix(simulator, "http://")
		return []string{"http://" + gate.addr}
	}})
	w.warm()
	for range 5 {
		if g := w.call("POST /cgi-bin/message/custom/send", message); g.StatusCode != 502 || g.Code != -502 {
			t.Fatalf("%v", g)
		}
	}
	g := w.call("POST /cgi-bin/message/custom/send", message)
	if g.StatusCode != 503 || g.Code != -503 || g.Header.Get("Retry-After") != "1" {
		t.Fatalf("with the breaker open: %v %v", g, g.Header)
	}
	if r := w.records[len(w.records)-1]; r.Sends != 0 {
		t.Errorf("%d sends with the breaker open", r.Sends)
	}
	up.Store(true)
	waitFor(t, func() bool { return w.call("POST /cgi-bin/message/custom/send", message).StatusCode == 200 })
	if s := w.upstream.Status()[0].State; s != "closed" {
		t.Errorf("the breaker is %s", s)
	}
}

func TestWhatMayBeRepeatedElsewhere(t *testing.T) {
	for _, c := range []struct {
		name    string
		line    string
		trouble wechattest.Trouble
		status  int // of the answer
		calls   int // that reached WeChat
	}{
		{"a GET that was reset", "GET /cgi-bin/user/get", wechattest.Trouble{Kind: wechattest.Reset}, 200, 2},
		{"a POST that was reset", "POST /cgi-bin/message/custom/send", wechattest.Trouble{Kind: wechattest.Reset}, 502, 1},
		{"a POST whose answer was cut", "POST /cgi-bin/message/custom/send", wechattest.Trouble{Kind: wechattest.Cut}, 502, 1},
		{"a GET whose answer was cut", "GET /cgi-bin/user/get", wechattest.Trouble{Kind: wechattest.Cut}, 200, 2},
		{"a GET with a 500", "GET /cgi-bin/user/get", wechattest.Trouble{Kind: wechattest.Status, Status: 500}, 200, 2},
		{"a POST with a 500: passed on", "POST /cgi-bin/message/custom/send", wechattest.Trouble{Kind: wechattest.Status, Status: 500}, 500, 1},
		{"a GET that hangs", "GET /cgi-bin/user/get", wechattest.Trouble{Kind: wechattest.Hang}, 200, 2},
		{"a POST that hangs", "POST /cgi-bin/message/custom/send", wechattest.Trouble{Kind: wechattest.Hang}, 504, 1},
		{"busy, with POST: passed on", "POST /cgi-bin/message/custom/send", wechattest.Trouble{Kind: wechattest.Busy}, 200, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, setup{timeout: time.Second})
			second, err := w.wechat.Listen()
			if err != nil {
				t.Fatal(err)
			}
			w.replaceUpstream(t, wechat.Options{BaseURLs: []string{w.wechat.URL, second}, Timeout: time.Second})
			w.warm()
			c.trouble.Host = strings.TrimPrefix(w.wechat.URL, "http://")
			c.trouble.Path = "/cgi-bin/"
			w.wechat.Trouble(c.trouble)
			body := ""
			if strings.HasPrefix(c.line, "POST") {
				body = message
			}
			g := w.call(c.line, body)
			if g.StatusCode != c.status {
				t.Errorf("%v, want status %d", g, c.status)
			}
			if n := w.wechat.Count("call"); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
		})
	}
}

// A business error says nothing about a host, and neither does its number -1.
func TestErrcodesDoNotOpenABreaker(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	w.wechat.Trouble(wechattest.Trouble{Kind: wechattest.Busy, Path: "/wxa"})
	w.wechat.Trouble(wechattest.Trouble{Kind: wechattest.Errcode, Status: 45009, Path: "/cgi-bin"})
	for range 30 {
		w.call("POST /wxa/x", "{}")
		if g := w.call("POST /cgi-bin/message/custom/send", message); g.StatusCode != http.StatusOK || g.Code != 45009 {
			t.Fatalf("%v", g)
		}
	}
	if s := w.upstream.Status()[0].State; s != "closed" {
		t.Errorf("the breaker is %s", s)
	}
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
	w.replaceHosts(t, closedHost(t), second.url)
	if g := w.call("GET /sns/jscode2session?js_code=c", ""); g.StatusCode != 200 || len(second.seen()) != 1 {
		t.Errorf("%v, and the second host got %d calls", g, len(second.seen()))
	}
}

func TestRetiredAccessPoint(t *testing.T) {
	for name, trouble := range map[string]wechattest.Trouble{
		"errcode 48017": {Kind: wechattest.Retired, Count: 1},
		"errcode 410":   {Kind: wechattest.Errcode, Status: 410, Count: 1},
		"HTTP 410":      {Kind: wechattest.Status, Status: 410, Count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{})
			w.warm()
			w.wechat.Trouble(trouble)
			if g := w.call("POST /cgi-bin/message/custom/send", `{"touser":"o","msgtype":"text","text":{"content":"x"}}`); g.StatusCode != 200 || g.Code != 0 {
				t.Errorf("%v", g)
			}
			if n := w.wechat.Count("call"); n != 2 {
				t.Errorf("%d calls", n)
			}
		})
	}
}
