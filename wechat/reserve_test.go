package wechat

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// How many connections are wanted, as minutes pass.
func TestBurstsAreRememberedForTenMinutes(t *testing.T) {
	begin := time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		peaks []int // calls at once, minute by minute
		want  int
	}{
		{"nothing", []int{0}, 0},
		{"now", []int{7}, 7},
		{"a minute ago", []int{7, 0}, 7},
		{"the largest counts", []int{3, 50, 7, 0}, 50},
		{"nine minutes ago", []int{50, 0, 0, 0, 0, 0, 0, 0, 0, 2}, 50},
		{"ten minutes ago", []int{50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}, 2},
	} {
		var b bursts
		b.roll(begin, 0)
		for i, peak := range c.peaks[:len(c.peaks)-1] {
			if b.roll(begin.Add(time.Duration(i)*time.Minute+59*time.Second), peak) || !b.roll(begin.Add(time.Duration(i+1)*time.Minute), peak) {
				t.Errorf("%s: minute %d does not end when it does", c.name, i)
			}
		}
		if got := b.most(c.peaks[len(c.peaks)-1]); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	var b bursts
	b.roll(begin, 0)
	if b.roll(begin.Add(3*time.Minute), 9); b.most(0) != 9 {
		t.Error("a peak is lost when nobody looked for some minutes")
	}
	if b.roll(begin.Add(3*time.Hour), 0); b.most(0) != 0 {
		t.Error("a peak outlasts hours")
	}
}

// pipes is a host without a network: it accepts everything and says nothing.
type pipes struct{ made, ended atomic.Int64 }

func (p *pipes) open(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p.made.Add(1)
	go func() {
		_, _ = io.Copy(io.Discard, far) // until the other side closes
		p.ended.Add(1)
	}()
	return near, nil
}

// farPool returns the pool of a host that open connects to.
func farPool(t *testing.T, open func(ctx context.Context, network, address string) (net.Conn, error)) *pool {
	t.Helper()
	d, err := newDialer(&url.URL{Scheme: "http", Host: "far.test:80"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.open = open
	return newPool(d, 30*time.Second)
}

// Hours of silence: the first minutes with some connections, then with one, and
// never without.
func TestTheReserveOverHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := &pipes{}
		p := farPool(t, host.open)
		p.reserve.keep(64)
		usable := func() int {
			synctest.Wait()
			lean := p.current(time.Now()).lean
			lean.mu.Lock()
			defer lean.mu.Unlock()
			n := 0
			for _, c := range lean.idle {
				if time.Since(c.since) < idleTimeout {
					n++
				}
			}
			return n
		}
		for minute := range 180 {
			for range 60 {
				want := reserveStart
				if minute >= reserveMemory {
					want = 1
				}
				if n := usable(); n < want {
					t.Fatalf("in minute %d %d connections are ready, want %d", minute, n, want)
				}
				time.Sleep(time.Second)
			}
		}
		made := host.made.Load()
		if made > 4*12+170*2 {
			t.Errorf("%d connections in three hours", made)
		}
		for range 50 {
			p.reserve.enter() // a burst
		}
		for range 50 {
			p.reserve.leave(true)
		}
		for second := range 9 * 60 {
			if n := usable(); n < 50 {
				t.Fatalf("%d s after a burst of 50 %d connections are ready", second, n)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(3 * time.Minute)
		if n := p.reserve.wanted(); n != 1 {
			t.Errorf("%d connections are wanted twelve minutes after a burst", n)
		}
		p.close()
		synctest.Wait()
		if made, ended := host.made.Load(), host.ended.Load(); made != ended {
			t.Errorf("%d of %d connections are still open", made-ended, made)
		}
	})
}

// A host that cannot be connected to is asked less and less often.
func TestTheReserveLeavesASickHostAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int64
		well := &pipes{}
		var healthy atomic.Bool
		p := farPool(t, func(ctx context.Context, network, address string) (net.Conn, error) {
			tries.Add(1)
			if !healthy.Load() {
				return nil, io.ErrUnexpectedEOF
			}
			return well.open(ctx, network, address)
		})
		p.reserve.keep(2)
		for range 600 {
			time.Sleep(time.Second)
			p.reserve.lose()
		}
		if n := tries.Load(); n < 5 || n > 40 {
			t.Errorf("%d tries in ten minutes", n)
		}
		healthy.Store(true)
		time.Sleep(reserveRest + time.Second)
		synctest.Wait()
		if n := p.current(time.Now()).lean.size(); n < 1 {
			t.Error("it did not find out that the host is well")
		}
		p.close()
	})
}

// Over a real network: connections that the host closes are replaced, a burst makes
// the reserve grow up to its bound, and the burst that follows needs no other.
func TestReserve(t *testing.T) {
	var (
		mu   sync.Mutex
		open []net.Conn
		gate sync.WaitGroup
	)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		gate.Done()
		gate.Wait()
		_, _ = io.WriteString(w, `{"errcode":0}`)
	}))
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew {
			mu.Lock()
			defer mu.Unlock()
			open = append(open, conn)
		}
	}
	server.StartTLS() // TLS 1.3, which sends tickets behind the handshake
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	hosts := newHosts(t, Options{BaseURLs: []string{server.URL}, Connections: &Connections{RootCAs: roots}})
	defer hosts.hosts[0].pool.close()
	status := func() HostStatus { return hosts.Status()[0] }
	hosts.Warm(8)
	eventually(t, "connections are ready", func() bool { return status().Idle == reserveStart })

	burst := func(n int) {
		gate.Add(n)
		var calls sync.WaitGroup
		for range n {
			calls.Go(func() {
				if _, _, err := send(t, hosts, get("/x")); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
	}
	burst(20)
	if s := status(); s.Wanted != 8 || s.Busy != 0 {
		t.Errorf("after a burst of 20: %+v", s)
	}
	mu.Lock()
	for _, conn := range open {
		_ = conn.Close() // the host has enough of them
	}
	closed := len(open)
	mu.Unlock()
	hosts.hosts[0].pool.reserve.lose()
	eventually(t, "they are replaced", func() bool { return status().Ahead >= reserveStart+8 && status().Idle == 8 })
	before := status().Ahead
	burst(8)
	mu.Lock()
	defer mu.Unlock()
	if len(open) != closed+8 || status().Ahead != before {
		t.Errorf("a burst of 8 on a reserve of 8 needed %d connections", len(open)-closed)
	}
}

// A body that streams takes a connection from the reserve, too.
func TestStreamsTakeFromTheReserve(t *testing.T) {
	h := newRawHost(t, func(conn net.Conn, r *http.Request) bool {
		_, err := io.WriteString(conn, echo(r))
		return err == nil
	})
	hosts := newHosts(t, Options{BaseURLs: []string{h.url}})
	hosts.Warm(1)
	eventually(t, "a connection is ready", func() bool { return hosts.Status()[0].Idle == 1 && h.conns.Load() == 1 })
	if _, _, err := send(t, hosts, Call{Method: http.MethodPost, Path: "/up", Body: stored("body")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another is ready", func() bool { return hosts.Status()[0].Idle == 1 && h.conns.Load() == 2 })
}

// A connection that died in the reserve costs no call, of either road.
func TestADeadReserve(t *testing.T) {
	overRoadsAndNetworks(t, func(t *testing.T, r road, secure bool) {
		var mu sync.Mutex
		var open []net.Conn
		h := newHostOver(t, secure, func(conn net.Conn, r *http.Request) bool {
			_, err := io.WriteString(conn, good)
			return err == nil
		})
		hosts := h.hosts(t)
		p := hosts.hosts[0].pool
		dial := p.dialer.open
		p.dialer.open = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dial == nil {
				dial = (&net.Dialer{}).DialContext
			}
			conn, err := dial(ctx, network, address)
			mu.Lock()
			defer mu.Unlock()
			open = append(open, conn)
			return conn, err
		}
		hosts.Warm(1)
		eventually(t, "a connection is ready", func() bool { return hosts.Status()[0].Idle == 1 })
		mu.Lock()
		_ = open[0].Close()
		mu.Unlock()
		call := post("/x", "")
		call.Body = r.body("{}")
		if _, _, err := send(t, hosts, call); err != nil {
			t.Error(err)
		}
		p.close()
	})
}

// A host that closes what is idle is not connected to for ever.
func TestTheReserveLeavesAHostAloneThatClosesEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var open []net.Conn
		made := 0
		p := farPool(t, func(context.Context, string, string) (net.Conn, error) {
			near, far := newMemConns()
			mu.Lock()
			defer mu.Unlock()
			open = append(open, far)
			made++
			return near, nil
		})
		p.reserve.keep(4)
		for range 600 {
			time.Sleep(time.Second)
			synctest.Wait()
			mu.Lock()
			for _, far := range open {
				_ = far.Close()
			}
			open = nil
			mu.Unlock()
			p.reserve.lose()
		}
		if made < 20 || made > 100 {
			t.Errorf("%d connections in ten minutes", made)
		}
		p.close()
	})
}

// The successor of a generation that is old does not begin without what has been
// made for it.
func TestASuccessorKeepsWhatWasMade(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := &pipes{}
		p := farPool(t, func(ctx context.Context, network, address string) (net.Conn, error) {
			time.Sleep(600 * time.Millisecond) // a host that is far away
			return host.open(ctx, network, address)
		})
		p.reserve.keep(512)
		for minute := range 12 {
			for range 400 {
				p.reserve.enter()
			}
			for range 400 {
				p.reserve.leave(true)
			}
			for second := range 60 {
				time.Sleep(time.Second)
				synctest.Wait()
				if n := p.current(time.Now()).lean.size(); n < 100 && minute > 0 {
					t.Fatalf("%d are ready at %d:%02d", n, minute, second)
				}
			}
		}
		p.close()
	})
}

// Tickets that come behind the handshake are no reason to close a connection, neither
// in the reserve nor where a call's own dialling came too late.
func TestTicketsBehindTheHandshake(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} // then they come behind the client's Finished
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	hosts := newHosts(t, Options{BaseURLs: []string{server.URL}, Connections: &Connections{RootCAs: roots}})
	p := hosts.hosts[0].pool
	defer p.close()
	lean := p.now.Load().lean
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			c, err := p.dialer.dialLean(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			lean.put(c)
		})
	}
	all.Wait()
	eventually(t, "tickets are there", func() bool {
		lean.mu.Lock()
		defer lean.mu.Unlock()
		return !slices.ContainsFunc(lean.idle, (*leanConn).silent)
	})
	if c := lean.take(time.Now()); c == nil || lean.size() != 19 {
		t.Fatalf("%d of 19 are left", lean.size())
	} else {
		lean.put(c)
	}
	if n, died := lean.ready(time.Now(), 100); n != 20 || died != 0 {
		t.Errorf("%d of 20 are ready, %d died", n, died)
	}
	if _, body, err := send(t, hosts, get("/x")); err != nil || body != "{}" {
		t.Errorf("%q, %v", body, err)
	}
}
