package wechat

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A caller who leaves costs the connection, and nobody waits for the host.
func TestACallerWhoLeaves(t *testing.T) {
	for name, answer := range map[string]string{
		"before the answer":      "",
		"in the header":          "HTTP/1.1 200",
		"in a short body":        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
		"in a body that streams": "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + strings.Repeat("x", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{}, 1)
			h := newRawHost(t, func(conn net.Conn, _ *http.Request) bool {
				_, err := io.WriteString(conn, answer)
				asked <- struct{}{}
				return err == nil
			})
			hosts := newHosts(t, Options{BaseURLs: []string{h.url}})
			ctx, leave := context.WithCancel(t.Context())
			go func() {
				<-asked
				leave()
			}()
			call := get("/x")
			a, err := hosts.Send(ctx, &call)
			if err == nil {
				_, err = io.Copy(io.Discard, a.Body)
				_ = a.Body.Close()
			}
			if kindOf(err) != Canceled {
				t.Errorf("got %v", err)
			}
			eventually(t, "the connection ends", func() bool { return h.ended.Load() == 1 })
			if s := hosts.Status()[0].State; s != "closed" {
				t.Errorf("the breaker is %s", s)
			}
		})
	}
}

// leaving is a connection whose caller leaves when the answer arrives.
type leaving struct {
	*memConn
	leave func()
}

func (l leaving) Read(p []byte) (int, error) {
	n, err := l.memConn.Read(p)
	l.leave()
	return n, err
}

// Who leaves at the moment in which the answer arrives has it, and takes the
// connection along: its deadline may pass in the next call.
func TestACallerWhoLeavesWithTheAnswer(t *testing.T) {
	h := newMemHosts(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	near, far := newMemConns()
	w := newWire(leaving{near, leave}, nil)
	h.hosts[0].pool.now.Load().lean.put(newLeanConn(w, w))
	go func() {
		_, _ = far.Read(make([]byte, 1000))
		_, _ = io.WriteString(far, good)
	}()
	call := post("/x", "{}")
	a, err := h.Send(ctx, &call)
	if err != nil || !a.Whole {
		t.Errorf("whole %v, %v", a.Whole, err)
	}
	if c := h.hosts[0].pool.now.Load().lean.take(time.Now()); c != nil {
		t.Error("the connection is kept")
	}
}

// What has been idle for a minute is closed, without another call.
func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &leanPool{}
		closed := 0
		conn := func() *leanConn { return newIdle(&closed) }
		first := conn()
		p.put(first)
		time.Sleep(40 * time.Second)
		second := conn()
		p.put(second)
		time.Sleep(25 * time.Second)
		synctest.Wait()
		if closed != 1 || len(p.idle) != 1 {
			t.Errorf("after 65 s %d are closed", closed)
		}
		if got := p.take(time.Now()); got != second {
			t.Error("the younger one is not there")
		}
		p.put(second)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if closed != 2 || p.take(time.Now()) != nil || p.sweeps != nil {
			t.Errorf("after two minutes %d are closed", closed)
		}
		p.put(conn())
		p.close()
		p.put(conn())
		if closed != 4 {
			t.Errorf("closed pools keep %d connections", 4-closed)
		}
	})
}

func newIdle(closed *int) *leanConn {
	w := newWire(closer{closed: closed}, nil)
	return newLeanConn(w, w)
}

type closer struct {
	net.Conn
	closed *int
}

func (c closer) Close() error {
	*c.closed++
	return nil
}

// A call that dials takes what becomes idle before that is done; the connection
// that nobody waits for any more is kept.
func TestACallTakesWhatBecomesIdleFirst(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts: a handshake hangs
	if err != nil {
		t.Fatal(err)
	}
	d := &dialer{scheme: "https", name: "x.test", address: l.Addr().String()}
	p := &leanPool{}
	idle := newIdle(new(int))
	got := make(chan *leanConn)
	go func() {
		c, reused, err := p.dial(t.Context(), d, time.Minute)
		if !reused || err != nil {
			t.Errorf("reused %v, %v", reused, err)
		}
		got <- c
	}()
	waiting := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.wanted)
	}
	eventually(t, "the call waits", func() bool { return waiting() == 1 })
	p.put(idle)
	if c := <-got; c != idle {
		t.Error("it got another connection")
	}
	if waiting() != 0 {
		t.Error("it still waits")
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := p.dial(ctx, d, time.Minute); err != context.Canceled || waiting() != 0 {
		t.Errorf("a caller who left: %v", err)
	}
	_ = l.Close() // which ends the handshakes
}
