package wechat

import (
	"context"
	"sync"
	"time"
)

const (
	idleTimeout = 60 * time.Second // below what gateways commonly keep
	maxIdle     = 512              // connections of one host
)

// leanPool is the idle connections of the lean road to one host. The one that
// became idle last is used first, so that those too many end.
type leanPool struct {
	mu     sync.Mutex
	idle   []*leanConn // newest last
	sweeps *time.Timer // closes those that were idle for too long; nil: nothing is idle
	closed bool        // none is kept any more
}

// take returns an idle connection that nothing has arrived on; nil: there is none.
func (p *leanPool) take(now time.Time) *leanConn {
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return nil
		}
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if now.Sub(c.since) < idleTimeout && c.silent() {
			return c
		}
		_ = c.Close() // it is closed already, or holds what nobody asked for
	}
}

// put keeps c for the next call.
func (p *leanPool) put(c *leanConn) {
	c.since = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle {
		_ = c.Close() // it is not needed
		return
	}
	p.idle = append(p.idle, c)
	if p.sweeps == nil {
		p.sweeps = time.AfterFunc(idleTimeout, p.sweep)
	}
}

// sweep closes what has been idle for too long.
func (p *leanPool) sweep() {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	old := 0
	for old < len(p.idle) && now.Sub(p.idle[old].since) >= idleTimeout {
		_ = p.idle[old].Close() // it is not needed
		old++
	}
	p.idle = append(p.idle[:0], p.idle[old:]...)
	clear(p.idle[len(p.idle):cap(p.idle)])
	if len(p.idle) == 0 || p.closed {
		p.sweeps = nil
		return
	}
	p.sweeps.Reset(max(p.idle[0].since.Add(idleTimeout).Sub(now), time.Second))
}

// close closes the idle connections, and those in use as soon as they are idle.
func (p *leanPool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.sweeps != nil {
		p.sweeps.Stop()
		p.sweeps = nil
	}
	for _, c := range p.idle {
		_ = c.Close() // it is not needed
	}
	p.idle = nil
}

// dialLean connects and, for https, shakes hands. Its error is a *[Failure].
func (d *dialer) dialLean(ctx context.Context) (*leanConn, error) {
	over, tcp, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	return newLeanConn(over, tcp), nil
}
