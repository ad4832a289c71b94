package wechat

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// memConn is one end of a connection in memory. A Read gets what one Write of the
// other end brought, or a part of it, so that a test decides where an answer is
// split. Writes never wait. It works in a synctest bubble, whose clock stands
// still while anything can go on, so that a time-out costs no time.
type memConn struct {
	net.Conn // nil: what is not below is not asked for

	in, out *memFlow
}

// memFlow is one direction of a connection in memory.
type memFlow struct {
	mu       sync.Mutex
	changed  sync.Cond // of what follows
	segments [][]byte
	ended    bool // the writer has closed it
	closed   bool // the reader has
	deadline time.Time
	wakes    *time.Timer
}

func newMemConns() (near, far *memConn) {
	a, b := &memFlow{}, &memFlow{}
	a.changed.L, b.changed.L = &a.mu, &b.mu
	return &memConn{in: a, out: b}, &memConn{in: b, out: a}
}

func (c *memConn) Read(p []byte) (int, error) {
	f := c.in
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		switch {
		case f.closed:
			return 0, net.ErrClosed
		case !f.deadline.IsZero() && !time.Now().Before(f.deadline):
			return 0, os.ErrDeadlineExceeded
		case len(f.segments) > 0:
			n := copy(p, f.segments[0])
			if f.segments[0] = f.segments[0][n:]; len(f.segments[0]) == 0 {
				f.segments = f.segments[1:]
			}
			return n, nil
		case f.ended:
			return 0, io.EOF
		}
		f.changed.Wait()
	}
}

func (c *memConn) Write(p []byte) (int, error) {
	f := c.out
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.ended:
		return 0, net.ErrClosed
	case f.closed:
		return 0, syscall.EPIPE
	case len(p) > 0:
		f.segments = append(f.segments, bytes.Clone(p))
		f.changed.Broadcast()
	}
	return len(p), nil
}

func (c *memConn) Close() error {
	for _, f := range []*memFlow{c.in, c.out} {
		f.mu.Lock()
		f.closed = f.closed || f == c.in
		f.ended = f.ended || f == c.out
		f.changed.Broadcast()
		f.mu.Unlock()
	}
	return nil
}

func (c *memConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *memConn) SetReadDeadline(t time.Time) error {
	f := c.in
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deadline = t
	if f.wakes != nil {
		f.wakes.Stop()
	}
	if !t.IsZero() {
		f.wakes = time.AfterFunc(time.Until(t), func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.changed.Broadcast()
		})
	}
	f.changed.Broadcast()
	return nil
}

func (c *memConn) SetWriteDeadline(time.Time) error { return nil } // writes never wait

// SyscallConn lends the package's probe a real socket that is as silent as c.
func (c *memConn) SyscallConn() (syscall.RawConn, error) { return memProbe{RawConn: nil, c: c}, nil }

type memProbe struct {
	syscall.RawConn // nil: only Control is asked for
	c               *memConn
}

// Control implements syscall.RawConn.
func (p memProbe) Control(look func(fd uintptr)) error {
	f := p.c.in
	f.mu.Lock()
	defer f.mu.Unlock()
	silent, loud := sockets()
	if f.ended || f.closed || len(f.segments) > 0 {
		return loud.Control(look)
	}
	return silent.Control(look)
}

// sockets are one on which nothing ever arrives, and one on which a byte has. A
// bubble must not be the first to ask.
var sockets = sync.OnceValues(func() (silent, loud syscall.RawConn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	raw := func(says string) syscall.RawConn {
		near, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			panic(err)
		}
		far, err := l.Accept()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(far, says)
		socketsOpen = append(socketsOpen, near, far)
		c, err := near.(*net.TCPConn).SyscallConn()
		if err != nil {
			panic(err)
		}
		return c
	}
	return raw(""), raw("x")
})

var socketsOpen []net.Conn // for as long as the tests run

// memHosts are Hosts whose only one is in memory. serve gets its end of each
// connection.
type memHosts struct {
	*Hosts
	serve func(far net.Conn)
}

func newMemHosts(t testing.TB, serve func(far net.Conn)) *memHosts {
	t.Helper()
	h := &memHosts{newHosts(t, Options{BaseURLs: []string{"http://wechat.invalid"}}), serve}
	p := h.hosts[0].pool
	p.dialer.egress = &url.URL{Scheme: "none"} // nothing is dialled
	p.droppedAt = time.Now()                   // and no connection is dropped for what an answer says
	dial := func(context.Context, string, string) (net.Conn, error) {
		w := h.connect()
		return newConn(w, w), nil
	}
	p.now.Load().DialContext, p.heads.DialContext = dial, dial
	return h
}

func (h *memHosts) connect() *wire {
	near, far := newMemConns()
	go h.serve(far)
	return newWire(near, nil)
}

// spare gives the lean road a connection, which it takes when it has no other.
func (h *memHosts) spare() {
	w := h.connect()
	p := h.hosts[0].pool.now.Load().lean
	c := newLeanConn(w, w)
	c.since = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append([]*leanConn{c}, p.idle...)
}
