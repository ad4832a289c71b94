package proxy

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

const message = `{"touser":"OPENID","msgtype":"text","text":{"content":"hi"}}`

// nobody is the address of a host that refuses connections.
func nobody(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestFirstHostRefusesConnections(t *testing.T) {
	dead := nobody(t)
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

// gated passes connections on while it is open, and resets them else.
type gated struct{ addr, to string }

func gatedListener(t *testing.T, up *atomic.Bool) *gated {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gated{addr: l.Addr().String()}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if !up.Load() {
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
				continue
			}
			go func() {
				defer conn.Close()
				far, err := net.Dial("tcp", g.to)
				if err != nil {
					return
				}
				defer far.Close()
				go func() { _, _ = io.Copy(far, conn) }()
				_, _ = io.Copy(conn, far)
			}()
		}
	}()
	return g
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

// replaceUpstream gives the world other hosts.
func (w *world) replaceUpstream(t *testing.T, o wechat.Options) {
	t.Helper()
	u, err := wechat.NewHosts(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	d := *w.dir
	d.Upstreams = map[errcode.Platform]*wechat.Hosts{errcode.MP: u, errcode.WeCom: w.weCom}
	w.dir, w.upstream = &d, u
	w.proxy.Use(&d)
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
