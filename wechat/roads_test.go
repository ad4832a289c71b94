package wechat

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// An answer that comes while the body still goes up reaches the caller, whatever
// the host does with the rest of the body.
func TestEarlyAnswers(t *testing.T) {
	const (
		answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 17\r\n\r\n{\"errcode\":45009}"
		last   = "HTTP/1.1 413 Too Large\r\nContent-Length: 17\r\nConnection: close\r\n\r\n{\"errcode\":45009}"
	)
	stopsReading := func(_ net.Conn, got chan struct{}) bool {
		<-got
		return false
	}
	now := func(e ending) func(net.Conn, chan struct{}) bool {
		return func(conn net.Conn, _ chan struct{}) bool { return e.end(conn) }
	}
	for _, c := range []struct {
		name, answer string
		then         func(conn net.Conn, got chan struct{}) (goesOn bool) // got closes when the caller has the answer
	}{
		{"the last one, and the rest is read", last, func(conn net.Conn, _ chan struct{}) bool {
			_, _ = io.Copy(io.Discard, conn)
			return false
		}},
		{"the last one, and nothing more is read", last, stopsReading},
		{"the last one, and half the connection ends", last, func(conn net.Conn, got chan struct{}) bool {
			_ = conn.(interface{ CloseWrite() error }).CloseWrite()
			return stopsReading(conn, got)
		}},
		{"the last one, and the connection ends", last, now(closes)},
		{"the last one, and a reset", last, now(resets)},
		{"and the rest is read", answer, now(goesOn)},
		{"and nothing more is read", answer, stopsReading},
		{"and the connection ends", answer, now(closes)},
		{"and a reset", answer, now(resets)},
	} {
		t.Run(c.name, func(t *testing.T) {
			overRoadsAndNetworks(t, func(t *testing.T, r road, secure bool) {
				size := maxPeek // the lean road's are as short
				if r.name == "streaming" {
					size = 8 << 20
				}
				body := r.body(strings.Repeat("x", size))
				for range 3 {
					got := make(chan struct{})
					h := newHostOver(t, secure, func(conn net.Conn, _ *http.Request) bool {
						_, _ = io.WriteString(conn, c.answer)
						return c.then(conn, got)
					})
					a, text, err := send(t, h.hosts(t), Call{Method: http.MethodPost, Path: "/x", Body: body})
					if err != nil || a.StatusCode != 413 || a.Code != 45009 || text != `{"errcode":45009}` {
						t.Errorf("%v %q, %v", a.Response, text, err)
					}
					close(got)
				}
			})
		})
	}
}

// roadCalls are calls over r that may be repeated, and such that may not.
func roadCalls(r road) map[string]Call {
	call := func(method string, repeat Repeat, size int) Call {
		c := Call{Method: method, Path: "/x", Repeat: repeat, Body: r.body(strings.Repeat("x", size))}
		if r.name == "lean" && method != http.MethodPost {
			c.Body = nil // as usual
		}
		return c
	}
	return map[string]Call{
		"a POST":    call(http.MethodPost, RepeatSafe, 2),
		"an upload": call(http.MethodPost, RepeatSafe, 100_000),
		"a GET":     call(http.MethodGet, RepeatSafe, 2),
		"a login":   call(http.MethodGet, RepeatNever, 2),
		"OPTIONS":   call(http.MethodOptions, RepeatSafe, 2),
	}
}

// idleEnds reports whether the kernel knows that something has happened to the
// connection that h's next call would take, over r.
func idleEnds(h *Hosts, r road) func() bool {
	g := h.hosts[0].pool.now.Load()
	if r.name == "lean" {
		return func() bool {
			g.lean.mu.Lock()
			defer g.lean.mu.Unlock()
			return len(g.lean.idle) == 0 || !bottom(g.lean.idle[len(g.lean.idle)-1].w).silent()
		}
	}
	var made atomic.Pointer[conn]
	dial := g.DialContext
	g.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err == nil {
			made.Store(c.(*conn))
		}
		return c, err
	}
	g.DialTLSContext = g.DialContext
	return func() bool {
		c := made.Load()
		return c.failed.Load() || !bottom(c.w).silent()
	}
}

// bottom looks at the lowest of the connections that lie under w.
func bottom(w *wire) *probe {
	for w.under != nil {
		w = w.under
	}
	return &w.probe
}

// A connection that has ended while it was idle is replaced, whatever the call is,
// and the host executes each once.
func TestConnectionsThatDieWhileIdle(t *testing.T) {
	for name, dies := range map[string]func(net.Conn) (goesOn bool){
		"closed": closes.end,
		"cut":    cuts.end,
		"reset":  resets.end,
		"half-closed": func(conn net.Conn) bool {
			_ = conn.(interface{ CloseWrite() error }).CloseWrite()
			return true // what comes yet is executed
		},
	} {
		t.Run(name, func(t *testing.T) {
			overRoadsAndNetworks(t, func(t *testing.T, r road, secure bool) {
				for kind, call := range roadCalls(r) {
					die := make(chan struct{}, 3)
					h := newHostOver(t, secure, func(conn net.Conn, r *http.Request) bool {
						_, _ = io.Copy(io.Discard, r.Body)
						_, _ = io.WriteString(conn, good)
						<-die
						return dies(conn)
					})
					t.Cleanup(func() { close(die) })
					hosts := h.hosts(t)
					ends := idleEnds(hosts, r)
					for i := range 3 {
						if _, _, err := send(t, hosts, call); err != nil {
							t.Fatalf("%s, call %d: %v", kind, i, err)
						}
						die <- struct{}{}
						eventually(t, "the connection ends", ends)
					}
					if n := len(h.requests()); n != 3 {
						t.Errorf("%s: 3 calls were executed %d times", kind, n)
					}
				}
			})
		})
	}
}

// A connection that ends behind a request costs a call that may not be executed
// twice, and is replaced, once, for one that may: until an answer begins.
func TestConnectionsThatDieBehindARequest(t *testing.T) {
	for name, c := range map[string]struct {
		early  bool   // before the request has come entirely
		answer string // before that
		ends   ending
	}{
		"closed": {ends: closes}, "cut": {ends: cuts}, "reset": {ends: resets},
		"closed at its first byte": {early: true, ends: closes}, "reset at its first byte": {early: true, ends: resets},
		"closed in the answer": {answer: "H", ends: closes}, "reset in the answer": {answer: ok, ends: resets},
	} {
		t.Run(name, func(t *testing.T) {
			overRoadsAndNetworks(t, func(t *testing.T, r road, secure bool) {
				for kind, call := range roadCalls(r) {
					var executed atomic.Int64
					h := newHostOver(t, secure, func(conn net.Conn, r *http.Request) bool {
						_, _ = io.Copy(io.Discard, r.Body)
						if r.URL.Path != "/first" {
							executed.Add(1)
							_, _ = io.WriteString(conn, c.answer)
							return c.ends.end(conn)
						}
						_, err := io.WriteString(conn, good)
						if c.early && err == nil {
							_, _ = conn.Read(make([]byte, 1))
							return c.ends.end(conn)
						}
						return err == nil
					})
					hosts := h.hosts(t)
					if _, _, err := send(t, hosts, Call{Method: http.MethodPost, Path: "/first", Body: r.body("{}")}); err != nil {
						t.Fatal(err)
					}
					_, _, err := send(t, hosts, call)
					least, most := int64(1), int64(1)
					if c.early {
						least, most = 0, 0
					}
					if kind == "a GET" && c.answer == "" && r.name == "lean" {
						least, most = least+1, most+1
					}
					if n := executed.Load(); kindOf(err) != Closed || n < least || n > most {
						t.Errorf("%s was executed %d times, want %d to %d: %v", kind, n, least, most, err)
					}
				}
			})
		})
	}
}

// breaking is a connection of which, from some moment on, writes get only that
// many bytes away.
type breaking struct {
	net.Conn
	writes atomic.Int64 // -1: all
}

func (b *breaking) Write(p []byte) (int, error) {
	n := b.writes.Load()
	if n < 0 {
		return b.Conn.Write(p)
	}
	n = min(n, int64(len(p)))
	_, _ = b.Conn.Write(p[:n])
	_ = b.Conn.Close() // which is what the other side has done
	return int(n), syscall.ECONNRESET
}

// Where a write fails, the call goes over another connection if nothing of it has
// left, or may be executed twice. Over TLS, a part of a record is nothing.
func TestWritesThatFail(t *testing.T) {
	for _, bytes := range []int64{0, 1} {
		t.Run(fmt.Sprintf("behind %d bytes", bytes), func(t *testing.T) {
			overRoadsAndNetworks(t, func(t *testing.T, r road, secure bool) {
				for kind, call := range roadCalls(r) {
					h := newHostOver(t, secure, func(conn net.Conn, r *http.Request) bool {
						_, _ = io.Copy(io.Discard, r.Body)
						_, err := io.WriteString(conn, good)
						return err == nil
					})
					hosts := h.hosts(t)
					p := hosts.hosts[0].pool
					dialed, err := net.Dial("tcp", p.dialer.address)
					if err != nil {
						t.Fatal(err)
					}
					wrapped := &breaking{Conn: dialed}
					wrapped.writes.Store(-1)
					w := newWire(wrapped, nil)
					over := net.Conn(w)
					if secure {
						if over, err = p.dialer.handshake(t.Context(), w, p.dialer.name); err != nil {
							t.Fatal(err)
						}
					}
					g := p.now.Load()
					g.lean.put(newLeanConn(over, w))
					dial, first := g.DialContext, true
					g.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
						if first {
							first = false
							return newConn(over, w), nil
						}
						return dial(ctx, network, address)
					}
					g.DialTLSContext = g.DialContext
					if _, _, err := send(t, hosts, call); err != nil {
						t.Fatal(err)
					}
					wrapped.writes.Store(bytes)
					want := Kind("")
					if bytes > 0 && !secure && kind != "a GET" {
						want = Closed
					}
					_, _, err = send(t, hosts, call)
					executed := len(h.requests()) - 1
					if r.name == "streaming" && kind == "a GET" && err != nil {
						want = Closed // net/http does not always try again
					}
					if kindOf(err) != want || executed > 1 || (executed == 1) != (want == "") {
						t.Errorf("%s was executed %d times: %v", kind, executed, err)
					}
				}
			})
		})
	}
}

// Many calls at once, of many kinds: each gets its own answer, idle connections are
// bounded by how many calls there were at once, and at the end nothing is left.
func TestMixedCalls(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run("that share connections, over "+network(secure), func(t *testing.T) {
			newMixed(t, secure).run(t, 30, "short", "long", "post", "upload", "long-upload")
		})
		t.Run("of all kinds, over "+network(secure), func(t *testing.T) {
			newMixed(t, secure).run(t, 63, "short", "long", "post", "upload", "long-upload", "head", "early-upload", "left", "left-upload")
		})
	}
}

// mixed is a host whose answers name their requests.
type mixed struct {
	*rawHost
	leave  sync.Map // path → what ends the call in the middle of the answer
	upload string
}

func newMixed(t *testing.T, secure bool) *mixed {
	t.Helper()
	m := &mixed{upload: pattern(70_000)}
	m.rawHost = newHostOver(t, secure, m.answer)
	return m
}

func (m *mixed) answer(conn net.Conn, r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, "/early") {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	body := m.body(r.Method, r.URL.Path)
	text := fmt.Sprintf("%sContent-Length: %d\r\nX-Target: %s\r\n\r\n%s", ok, len(body), r.RequestURI, body)
	half := len(text) / 2
	_, _ = io.WriteString(conn, text[:half])
	if leave, found := m.leave.Load(r.URL.Path); found {
		leave.(context.CancelFunc)()
	}
	_, err := io.WriteString(conn, text[half:])
	return err == nil
}

func (m *mixed) body(method, path string) string {
	switch {
	case method == http.MethodHead:
		return ""
	case strings.HasPrefix(path, "/long"):
		return path + strings.Repeat("x", 20_000) + path
	}
	return path
}

// run has 16 workers make so many calls each.
func (m *mixed) run(t *testing.T, each int, kinds ...string) {
	const workers = 16
	netLog(t) // net/http may print what comes when a caller has left
	before := runtime.NumGoroutine()
	shared := &Connections{RootCAs: m.roots}
	hosts := newHosts(t, Options{BaseURLs: []string{m.url}, Connections: shared})
	var work sync.WaitGroup
	own := 0 // calls that have, or may cost, a connection of their own
	for w := range workers {
		for i := range each {
			if kind := kinds[(w+i)%len(kinds)]; kind == "head" || kind == "early-upload" || strings.HasPrefix(kind, "left") {
				own++
			}
		}
		work.Go(func() {
			for i := range each {
				kind := kinds[(w+i)%len(kinds)]
				m.call(t, hosts, kind, fmt.Sprintf("/%s/%d/%d", kind, w, i))
			}
		})
	}
	work.Wait()
	if n := m.conns.Load(); n > int64(own+4*workers) {
		t.Errorf("%d connections for %d calls at once, and %d that may cost one", n, workers, own)
	}
	hosts.Close()
	shared.Close()
	eventually(t, "all connections end", func() bool { return m.ended.Load() == m.conns.Load() })
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func (m *mixed) call(t *testing.T, hosts *Hosts, kind, path string) {
	call := get(path)
	switch {
	case kind == "post":
		call = post(path, "{}")
	case kind == "head":
		call.Method = http.MethodHead
	case strings.HasSuffix(kind, "upload"):
		call = Call{Method: http.MethodPost, Path: path, Body: stored(m.upload)}
	}
	leaves := strings.HasPrefix(kind, "left")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if leaves {
		m.leave.Store(path, cancel)
	}
	a, err := hosts.Send(ctx, &call)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(a.Body)
		_ = a.Body.Close()
	}
	switch {
	case leaves && kindOf(err) == Canceled:
	case err != nil:
		t.Errorf("%s: %v", path, err)
	case string(body) != m.body(call.Method, path) || a.Header.Get("X-Target") != path:
		t.Errorf("%s got the answer to %s, %.80q", path, a.Header.Get("X-Target"), body)
	}
}
