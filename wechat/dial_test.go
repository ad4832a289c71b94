package wechat

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// throughEgress has h's hosts reached through the egress proxy at via.
func throughEgress(t *testing.T, h *Hosts, via string) {
	t.Helper()
	u, err := url.Parse(via)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range h.hosts {
		one.pool.dialer.egress = u
	}
}

// egressProxy is an HTTP proxy that answers CONNECT with status, and tunnels where
// that is 200. It notes what it was asked.
func egressProxy(t *testing.T, status int) (address string, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var seen []string
	address = accept(t, func(conn net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		mu.Lock()
		seen = append(seen, r.Method+" "+r.RequestURI+" "+r.Header.Get("Proxy-Authorization"))
		mu.Unlock()
		fmt.Fprintf(conn, "HTTP/1.1 %d SECRET\r\nX-Secret: SECRET\r\n\r\n", status)
		if status != http.StatusOK {
			return
		}
		tunnel(conn, r.Host)
	})
	return address, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), seen...)
	}
}

// An egress proxy that refuses is named as what it is. The next host is tried
// whatever the method, and no host is blamed.
func TestAnEgressProxyThatRefuses(t *testing.T) {
	for _, status := range []int{407, 403, 502, 503} {
		egress, asked := egressProxy(t, status)
		h := newHosts(t, Options{BaseURLs: []string{"https://a.invalid", "https://b.invalid:8443"}})
		throughEgress(t, h, "http://user:PASSWORD@"+egress)
		for range 10 {
			a, _, err := send(t, h, post("/cgi-bin/x", "{}"))
			want := fmt.Sprintf("b.invalid:8443: egress proxy %s answered with HTTP status %d", egress, status)
			if kindOf(err) != EgressRefused || err.Error() != want || a.Sends != 2 {
				t.Fatalf("%v after %d sends, want %s", err, a.Sends, want)
			}
			if text := fmt.Sprintf("%v %+v %#v %s", err, err, err, a.Before); strings.Contains(text, "SECRET") || strings.Contains(text, "PASSWORD") {
				t.Errorf("it quotes: %s", text)
			}
		}
		if s := h.Status(); s[0].State != "closed" || s[1].State != "closed" {
			t.Errorf("status %d: the breakers are %s and %s", status, s[0].State, s[1].State)
		}
		if got := asked(); got[0] != "CONNECT a.invalid:443 Basic dXNlcjpQQVNTV09SRA==" || !strings.HasPrefix(got[1], "CONNECT b.invalid:8443 ") {
			t.Errorf("the egress proxy was asked %q", got[:2])
		}
	}
}

func TestAnEgressProxyThatIsDown(t *testing.T) {
	dead := strings.TrimPrefix(deadHost(t), "http://")
	for _, scheme := range []string{"http", "socks5"} {
		h := newHosts(t, Options{BaseURLs: []string{"https://a.invalid"}})
		throughEgress(t, h, scheme+"://"+dead)
		_, _, err := send(t, h, post("/cgi-bin/x", "{}"))
		if want := "a.invalid: egress proxy " + dead + ": connection refused"; kindOf(err) != Refused || err.Error() != want {
			t.Errorf("%s: %v, want %s", scheme, err, want)
		}
	}
}

// Through a tunnel, SOCKS, and with the whole URL for plain HTTP.
func TestEgressProxies(t *testing.T) {
	host := newRawHost(t, says(good))
	t.Run("a tunnel", func(t *testing.T) {
		egress, asked := egressProxy(t, http.StatusOK)
		d := &dialer{scheme: "https", address: strings.TrimPrefix(host.url, "http://"), egress: &url.URL{Scheme: "http", Host: egress}}
		c, err := d.reach(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
		if line, err := bufio.NewReader(c).ReadString('\n'); line != "HTTP/1.1 200 OK\r\n" || len(asked()) != 1 {
			t.Errorf("%q, %v", line, err)
		}
	})
	t.Run("SOCKS", func(t *testing.T) {
		h := newHosts(t, Options{BaseURLs: []string{host.url}})
		throughEgress(t, h, "socks5://"+socksProxy(t, 0))
		if a, _, err := send(t, h, post("/x", "{}")); err != nil || !a.Found {
			t.Error(err)
		}
		refusing := newHosts(t, Options{BaseURLs: []string{host.url}})
		throughEgress(t, refusing, "socks5://"+socksProxy(t, 2))
		if _, _, err := send(t, refusing, post("/x", "{}")); kindOf(err) != EgressRefused {
			t.Error(err)
		}
	})
	t.Run("plain HTTP", func(t *testing.T) {
		egress := newRawHost(t, says(good))
		h := newHosts(t, Options{BaseURLs: []string{"http://wechat.invalid/base"}})
		throughEgress(t, h, egress.url)
		h.hosts[0].prefix, h.hosts[0].target = "//wechat.invalid/base", "http://wechat.invalid/base"
		if _, _, err := send(t, h, get("/cgi-bin/x")); err != nil {
			t.Fatal(err)
		}
		if got := egress.requests(); len(got) != 1 || got[0] != "GET http://wechat.invalid/base/cgi-bin/x" {
			t.Errorf("the egress proxy was asked %q", got)
		}
	})
}

// Through SOCKS too, a connection that died while it was idle costs no POST.
func TestDeadConnectionsThroughSOCKS(t *testing.T) {
	h := newRawHost(t, func(conn net.Conn, r *http.Request) bool {
		_, _ = io.WriteString(conn, good)
		return false
	})
	hosts := newHosts(t, Options{BaseURLs: []string{h.url}})
	throughEgress(t, hosts, "socks5://"+socksProxy(t, 0))
	for i := range 5 {
		if _, _, err := send(t, hosts, post("/x", "{}")); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
		eventually(t, "the host closes the connection, and the proxy tells", func() bool {
			return h.ended.Load() == int64(i+1) && hosts.hosts[0].pool.current(time.Now()).lean.take(time.Now()) == nil
		})
	}
}

// A dial lasts no longer than its call.
func TestADialEndsWithItsCall(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts nobody: a handshake hangs
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := newHosts(t, Options{BaseURLs: []string{"https://" + l.Addr().String(), "https://" + l.Addr().String() + "/again"}, Timeout: time.Minute})
	call := get("/x")
	call.Timeout = 50 * time.Millisecond
	began := time.Now()
	if _, _, err := send(t, h, call); kindOf(err) != ConnectTimeout || time.Since(began) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

// What an egress proxy for plain HTTP wants of us is not WeChat's answer.
func TestAnEgressProxyForPlainHTTPThatRefuses(t *testing.T) {
	egress := newRawHost(t, says("HTTP/1.1 407 SECRET\r\nContent-Length: 0\r\n\r\n"))
	h := newHosts(t, Options{BaseURLs: []string{"http://wechat.invalid"}})
	throughEgress(t, h, egress.url)
	for range 10 {
		if _, _, err := send(t, h, post("/x", "{}")); kindOf(err) != EgressRefused || !strings.HasSuffix(err.Error(), " answered with HTTP status 407") {
			t.Fatal(err)
		}
	}
	if s := h.Status()[0].State; s != "closed" {
		t.Errorf("the breaker is %s", s)
	}
}

// socksProxy is a SOCKS5 proxy that answers every request with reply, and
// connects where that is 0.
func socksProxy(t *testing.T, reply byte) string {
	t.Helper()
	return accept(t, func(conn net.Conn) {
		hello := make([]byte, 3) // version, one method: none
		if _, err := io.ReadFull(conn, hello); err != nil {
			return
		}
		_, _ = conn.Write([]byte{5, 0})
		head := make([]byte, 4)
		if _, err := io.ReadFull(conn, head); err != nil || head[3] != 1 { // an IPv4 address
			return
		}
		address := make([]byte, 6)
		_, _ = io.ReadFull(conn, address)
		_, _ = conn.Write(append([]byte{5, reply, 0, 1}, address...))
		if reply != 0 {
			return
		}
		tunnel(conn, fmt.Sprintf("%v:%d", net.IP(address[:4]), int(address[4])<<8|int(address[5])))
	})
}

// Both roads lead through all kinds of egress proxies: a call, another one over the
// same connection, a third over a new one, because bytes that nobody asked for have
// come over the old; and a refusal.
func TestBothRoadsThroughEgressProxies(t *testing.T) {
	for _, c := range []struct {
		name   string
		secure bool // the host
		egress func(t *testing.T, refuses bool) string
	}{
		{"CONNECT", true, func(t *testing.T, refuses bool) string { return "http://" + connectProxy(t, false, refuses) }},
		{"CONNECT over TLS", true, func(t *testing.T, refuses bool) string { return "https://" + connectProxy(t, true, refuses) }},
		{"SOCKS", false, func(t *testing.T, refuses bool) string { return "socks5://" + socksProxy(t, refusal[refuses]) }},
		{"SOCKS, and TLS", true, func(t *testing.T, refuses bool) string { return "socks5h://" + socksProxy(t, refusal[refuses]) }},
	} {
		for _, r := range roads {
			t.Run(c.name+", "+r.name+" road", func(t *testing.T) {
				var far atomic.Pointer[net.Conn] // the host's end
				h := newHostOver(t, c.secure, func(conn net.Conn, r *http.Request) bool {
					far.Store(&conn)
					_, _ = io.Copy(io.Discard, r.Body)
					_, err := io.WriteString(conn, echo(r))
					return err == nil
				})
				_, roots := certificate() // also the egress proxy's
				through := func(refuses bool) *Hosts {
					shared := &Connections{RootCAs: roots}
					t.Cleanup(shared.Close)
					hosts := newHosts(t, Options{BaseURLs: []string{h.url}, Connections: shared})
					throughEgress(t, hosts, c.egress(t, refuses))
					return hosts
				}
				hosts := through(false)
				arrived := idleEnds(hosts, r)
				for i, conns := range []int64{1, 1, 2} {
					if i == 2 {
						_, _ = io.WriteString(*far.Load(), good)
						eventually(t, "the bytes arrive", arrived)
					}
					path := fmt.Sprintf("/%d", i)
					_, body, err := send(t, hosts, Call{Method: http.MethodPost, Path: path, Body: r.body("{}")})
					if n := h.conns.Load(); err != nil || !strings.Contains(body, path) || n != conns {
						t.Errorf("%q, %v, over %d connections", body, err, n)
					}
				}
				if _, _, err := send(t, through(true), Call{Method: http.MethodPost, Path: "/x", Body: r.body("{}")}); kindOf(err) != EgressRefused {
					t.Errorf("refused: %v", err)
				}
				if n := len(h.requests()); n != 3 {
					t.Errorf("%d requests", n)
				}
			})
		}
	}
}

var refusal = map[bool]byte{true: 2} // as SOCKS says it

// connectProxy is an egress proxy that is spoken to in TLS, or not.
func connectProxy(t *testing.T, secure, refuses bool) (address string) {
	t.Helper()
	status := map[bool]int{false: http.StatusOK, true: http.StatusForbidden}[refuses]
	plain, _ := egressProxy(t, status)
	if !secure {
		return plain
	}
	config, _ := certificate()
	return accept(t, func(conn net.Conn) { tunnel(tls.Server(conn, config), plain) })
}
