package wechat

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	idleTimeout = 60 * time.Second // below what gateways commonly keep
	maxIdle     = 512              // connections of one host
)

// leanPool is the idle connections of the lean road to one host: last in, first
// out, so that surplus connections go idle and time out.
type leanPool struct {
	mu     sync.Mutex
	idle   []*leanConn // newest last
	wanted []*want     // oldest first: calls that wait, while they dial, for one to become idle
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
		if now.Sub(c.since) < idleTimeout && c.usable() {
			return c
		}
		_ = c.Close() // it is closed already, or holds what nobody asked for
	}
}

// ready looks for connections that a call would find, now and for some time to come,
// until there are enough. died: others were of no use any more.
func (p *leanPool) ready(now time.Time, enough int) (n, died int) {
	var loud []*leanConn
	p.mu.Lock()
	for i := len(p.idle) - 1; i >= 0 && n < enough; i-- {
		c := p.idle[i]
		switch {
		case now.Sub(c.since) >= reserveAge: // there is still use for it, but not for long
		case c.silent():
			n++
		default:
			loud = append(loud, c)
			p.idle = slices.Delete(p.idle, i, i+1)
		}
	}
	p.mu.Unlock()
	for _, c := range loud {
		if c.settled() && p.keep(c) {
			n++
			continue
		}
		_ = c.Close() // it is closed already, or holds what nobody asked for
		died++
	}
	return n, died
}

// size returns how many connections wait for a call.
func (p *leanPool) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// put keeps c for the next call.
func (p *leanPool) put(c *leanConn) {
	c.since = time.Now()
	if !p.keep(c) {
		_ = c.Close() // it is not needed
	}
}

// keep reports whether c is of use: to a call that waits, or in the pool.
func (p *leanPool) keep(c *leanConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.wanted) > 0 && !p.closed {
		w := p.wanted[0]
		p.wanted[0] = nil
		p.wanted = p.wanted[1:]
		if w.give(given{c: c, reused: true}) {
			return true
		}
	}
	if p.closed || len(p.idle) >= maxIdle {
		return false
	}
	p.idle = append(p.idle, c)
	if p.sweeps == nil {
		p.sweeps = time.AfterFunc(idleTimeout, p.sweep)
	}
	return true
}

// sweep closes what has been idle for too long.
func (p *leanPool) sweep() {
	for _, c := range p.tooOld(time.Now()) {
		_ = c.Close() // it is not needed
	}
}

// tooOld takes out what has been idle for too long, and plans the next sweep.
func (p *leanPool) tooOld(now time.Time) (old []*leanConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && now.Sub(p.idle[n].since) >= idleTimeout {
		n++
	}
	old = slices.Clone(p.idle[:n])
	p.idle = slices.Delete(p.idle, 0, n)
	if len(p.idle) == 0 || p.closed {
		p.sweeps = nil
		return old
	}
	p.sweeps.Reset(max(p.idle[0].since.Add(idleTimeout).Sub(now), time.Second))
	return old
}

// close closes the idle connections, and those in use as soon as they are idle.
func (p *leanPool) close() {
	p.mu.Lock()
	p.closed = true
	if p.sweeps != nil {
		p.sweeps.Stop()
		p.sweeps = nil
	}
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		_ = c.Close() // it is not needed
	}
}

// want is a call that waits for a connection: its own, which is being dialled, or
// one that another call has done with first. In a burst that is most often faster.
type want struct {
	once sync.Once
	got  chan given // gets one, at most
}

// given is a connection, or why there is none.
type given struct {
	c      *leanConn
	err    error
	reused bool
}

// give hands g over; false: nobody waits for it any more.
func (w *want) give(g given) (taken bool) {
	w.once.Do(func() {
		taken = true
		w.got <- g
	})
	return taken
}

// dial returns a new connection, or one that became idle before that was made.
// Its error is a *[Failure], or ctx's.
func (p *leanPool) dial(ctx context.Context, d *dialer, timeout time.Duration) (c *leanConn, reused bool, err error) {
	w := &want{got: make(chan given, 1)}
	p.mu.Lock()
	p.wanted = append(p.wanted, w)
	p.mu.Unlock()
	defer p.forget(w)
	go func() { // ends with its time-out
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		c, err := d.dialLean(ctx)
		if !w.give(given{c: c, err: err}) && err == nil {
			p.put(c) // another call has use for it
		}
	}()
	var g given
	select {
	case g = <-w.got:
	case <-ctx.Done():
		if w.give(given{}) {
			return nil, false, ctx.Err()
		}
		g = <-w.got // it came at the same moment
	}
	if g.reused && !g.c.usable() {
		_ = g.c.Close() // it holds what nobody asked for
		g.c, g.err = d.dialLean(ctx)
		g.reused = false
	}
	return g.c, g.reused, g.err
}

// forget takes w out of those that wait.
func (p *leanPool) forget(w *want) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.wanted, w); i >= 0 {
		p.wanted = slices.Delete(p.wanted, i, i+1)
	}
}

// dialLean connects and, for https, shakes hands. Its error is a *[Failure].
func (d *dialer) dialLean(ctx context.Context) (*leanConn, error) {
	over, w, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := newLeanConn(over, w)
	c.pool = &d.readers
	return c, nil
}
