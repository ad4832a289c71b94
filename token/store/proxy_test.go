package store

import (
	"net"
	"sync"
	"testing"
	"time"
)

// faultProxy stands between a store and its server, and does to their
// connection what networks do.
type faultProxy struct {
	addr string
	to   string

	mu    sync.Mutex
	delay time.Duration // of every answer
	mute  bool          // nothing passes, nothing is closed: half-open
	conns map[net.Conn]struct{}
}

func newFaultProxy(t *testing.T, to string) *faultProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &faultProxy{addr: l.Addr().String(), to: to, conns: map[net.Conn]struct{}{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.set(0, false)
		p.reset()
		wg.Wait()
	})
	return p
}

func (p *faultProxy) set(delay time.Duration, mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay, p.mute = delay, mute
}

func (p *faultProxy) faults() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay, p.mute
}

// reset breaks all connections off with an RST.
func (p *faultProxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.Close()
	}
}

func (p *faultProxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.conns, client)
		delete(p.conns, server)
		p.mu.Unlock()
	}()
	var wg sync.WaitGroup
	wg.Go(func() { p.pass(server, client) })
	p.pass(client, server)
	wg.Wait()
}

func (p *faultProxy) pass(dst, src net.Conn) {
	defer dst.Close()
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		delay, mute := p.faults()
		time.Sleep(delay)
		if n > 0 && !mute {
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
