package wechat

import (
	"context"
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"
)

// probing is a call that probes a rested host.
type probing struct {
	done  func(error)
	since time.Time
	over  bool // it took too long, and gave its place to another
}

// schedule has the host probed by a handshake after d, unless a call does it first.
func (b *breaker) schedule(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return
	}
	if b.timer == nil {
		b.timer = time.AfterFunc(d, b.probeByHandshake)
		return
	}
	b.timer.Reset(d)
}

// probeByHandshake probes a host whose breaker has rested.
func (b *breaker) probeByHandshake() {
	b.mu.Lock()
	if b.ctx.Err() != nil {
		b.mu.Unlock()
		return
	}
	b.handshakes.Add(1)
	b.mu.Unlock()
	defer b.handshakes.Done()
	if !b.tryHandshake(b.ctx) && b.cb.State() == gobreaker.StateHalfOpen {
		b.schedule(b.openFor / 2) // a call is probing it; look again
	}
}

// tryHandshake probes the host by a handshake, and reports whether the breaker is
// closed afterwards. It does nothing while another probe is under way.
func (b *breaker) tryHandshake(ctx context.Context) (closed bool) {
	if b.cb.State() == gobreaker.StateClosed {
		return true
	}
	done, err := b.cb.Allow()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, max(b.openFor/2, 100*time.Millisecond))
	defer cancel()
	if err := b.handshake(ctx); err != nil {
		var f *Failure
		if ctx.Err() == context.Canceled || errors.As(err, &f) && !f.blamesHost() {
			err = errExcluded // the call that wanted it has left, or the trouble is our own
		}
		done(err)
		return false
	}
	b.probation.Store(true)
	b.inARow.Store(0)
	done(nil)
	return true
}

// giveUpProbe frees the place of a probe that takes long, and reports whether it did.
func (b *breaker) giveUpProbe(now time.Time) bool {
	b.mu.Lock()
	p := b.probe
	if p == nil || p.over || now.Sub(p.since) < b.openFor/2 {
		b.mu.Unlock()
		return false
	}
	p.over, b.probe = true, nil
	b.mu.Unlock()
	p.done(errExcluded)
	return true
}

// endProbe reports how a probe went. The late success of one that was given up
// still closes the breaker; its failure says nothing new.
func (b *breaker) endProbe(p *probing, err error) {
	b.mu.Lock()
	over := p.over
	if b.probe == p {
		b.probe = nil
	}
	b.mu.Unlock()
	switch {
	case !over:
		p.done(err)
	case err == nil:
		b.count(nil)
	}
}

// mayBeThePath reports whether a probe's failure may be its path's alone: then
// another call gets the chance to say so, for half a rest.
func (b *breaker) mayBeThePath(path string, now time.Time) bool {
	sick, ok := b.paths.oneFails(now)
	return ok && sick == path && now.UnixNano()-b.changed.Load() < int64(b.openFor/2)
}
