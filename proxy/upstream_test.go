package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// closedHost is the address of a host that refuses connections.
func closedHost(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
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

// serveUpstream puts h in the place of the simulator.
func (w *world) serveUpstream(t *testing.T, h http.HandlerFunc, timeout time.Duration) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	w.replaceUpstream(t, wechat.Options{BaseURLs: []string{s.URL}, Timeout: timeout})
}

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

// rawHost is a host that speaks HTTP by hand, well or badly. It reads the header
// of each request and leaves the rest to the test.
type rawHost struct {
	url string

	mu       sync.Mutex
	requests []string // request targets
}

// rawConn is a connection to a rawHost.
type rawConn struct {
	net.Conn
	*bufio.Reader
}

// Read implements both io.Reader of Conn and of Reader: what is buffered counts.
func (c *rawConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

// newRawHost starts a host that calls serve for each request. The connection is
// used again if serve returns true, and closed otherwise.
func newRawHost(t testing.TB, serve func(c *rawConn, r *http.Request) (keep bool)) *rawHost {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &rawHost{url: "http://" + l.Addr().String()}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go h.serve(&rawConn{Conn: conn, Reader: bufio.NewReader(conn)}, serve)
		}
	}()
	return h
}

func (h *rawHost) serve(c *rawConn, serve func(*rawConn, *http.Request) bool) {
	defer c.Close()
	for {
		r, err := http.ReadRequest(c.Reader)
		if err != nil {
			return // the proxy hung up
		}
		h.mu.Lock()
		h.requests = append(h.requests, r.RequestURI)
		h.mu.Unlock()
		if !serve(c, r) {
			return
		}
	}
}

// seen returns the targets of all requests so far.
func (h *rawHost) seen() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.requests)
}
