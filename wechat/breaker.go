package wechat

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	// failuresInARow open a breaker, and so does half of at least enoughCalls
	// within failureWindow.
	failuresInARow = 5
	enoughCalls    = 20
	failureWindow  = 10 * time.Second
)

// errFailed is what a breaker is told of a failure.
var errFailed = errors.New("failed")

// errExcluded is what a breaker is told of a call that says nothing about the host.
var errExcluded = errors.New("excluded")

// breaker keeps calls from a host that fails. Once it has rested it lets one
// short call through as a probe. A body that streams is never the probe: it may
// trickle for minutes, and meanwhile nobody else would get in. Where no short
// call comes, shaking hands is the probe.
type breaker struct {
	two     *gobreaker.TwoStepCircuitBreaker[any]
	openFor time.Duration
	shake   func(context.Context) error // connects, and says how that went
	told    func(from, to string)       // may be nil

	shut    atomic.Bool  // not closed, as of the last change
	changed atomic.Int64 // time of the last change, Unix nanoseconds; 0: never
	// wary: it was closed by a handshake, so the next failure opens it again.
	wary  atomic.Bool
	paths paths

	mu     sync.Mutex
	ctx    context.Context // ends with close
	stop   context.CancelFunc
	timer  *time.Timer // to the handshake; nil while closed
	shakes sync.WaitGroup
}

func newBreaker(name string, openFor time.Duration, shake func(context.Context) error, told func(from, to string)) *breaker {
	b := &breaker{openFor: openFor, shake: shake, told: told}
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.two = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Name: name, Interval: failureWindow, BucketPeriod: time.Second, Timeout: openFor,
		ReadyToTrip:   func(n gobreaker.Counts) bool { return b.trips(n, time.Now()) },
		IsExcluded:    func(err error) bool { return err == errExcluded },
		OnStateChange: func(_ string, from, to gobreaker.State) { b.change(from, to) },
	})
	return b
}

// trips reports whether a failure opens the breaker. One sick path must not
// close a host to all the others.
func (b *breaker) trips(n gobreaker.Counts, now time.Time) bool {
	switch {
	case b.wary.Load():
		return true
	case n.ConsecutiveFailures >= failuresInARow, n.Requests >= enoughCalls && 2*n.TotalFailures >= n.Requests:
		return !b.paths.oneIsSick(now)
	}
	return false
}

// change is called by gobreaker with its lock held.
func (b *breaker) change(from, to gobreaker.State) {
	b.changed.Store(time.Now().UnixNano())
	b.shut.Store(to != gobreaker.StateClosed)
	if to == gobreaker.StateOpen {
		b.wary.Store(false)
		b.schedule(b.openFor + b.openFor/2)
	}
	if b.told != nil {
		b.told(from.String(), to.String())
	}
}

// schedule has the host probed by a handshake after d, unless a call does it first.
func (b *breaker) schedule(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return
	}
	if b.timer == nil {
		b.timer = time.AfterFunc(d, b.probe)
		return
	}
	b.timer.Reset(d)
}

// probe shakes hands with a host whose breaker has rested.
func (b *breaker) probe() {
	b.mu.Lock()
	if b.ctx.Err() != nil {
		b.mu.Unlock()
		return
	}
	b.shakes.Add(1)
	b.mu.Unlock()
	defer b.shakes.Done()
	if !b.tryHandshake(b.ctx) && b.two.State() == gobreaker.StateHalfOpen {
		b.schedule(b.openFor / 2) // a call is probing it; look again
	}
}

// tryHandshake probes the host by shaking hands, and reports whether the breaker
// is closed afterwards. It does nothing while another probe is under way.
func (b *breaker) tryHandshake(ctx context.Context) (closed bool) {
	if b.two.State() == gobreaker.StateClosed {
		return true
	}
	done, err := b.two.Allow()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, max(b.openFor/2, 100*time.Millisecond))
	defer cancel()
	if err := b.shake(ctx); err != nil {
		if ctx.Err() == context.Canceled {
			err = errExcluded // the call that wanted it has left
		}
		done(err)
		return false
	}
	b.wary.Store(true)
	done(nil)
	return true
}

// mayTry reports whether a call might be let through.
func (b *breaker) mayTry() bool {
	return !b.shut.Load() || b.two.State() != gobreaker.StateOpen // State takes a lock
}

// restsFor returns how long the breaker still rests.
func (b *breaker) restsFor(now time.Time) time.Duration {
	return time.Unix(0, b.changed.Load()).Add(b.openFor).Sub(now)
}

// allow asks for a call to be let through; then done must be called once. probe
// says that the call may be the one that probes a rested host.
func (b *breaker) allow(ctx context.Context, probe bool) (done func(error), ok bool) {
	if !probe && b.shut.Load() {
		switch b.two.State() {
		case gobreaker.StateOpen:
			return nil, false
		case gobreaker.StateHalfOpen:
			if !b.tryHandshake(ctx) {
				return nil, false
			}
		}
	}
	done, err := b.two.Allow()
	return done, err == nil
}

// tell reports how a call that was let through went; path is what was called.
func (b *breaker) tell(done func(error), v verdict, path string) {
	now := time.Now()
	switch v {
	case worked:
		b.paths.worked(path, now)
		if b.wary.Load() {
			b.wary.Store(false)
		}
		done(nil)
	case hostFailed:
		b.paths.failed(notOfAPath, now)
		done(errFailed)
	case pathFailed:
		b.paths.failed(path, now)
		done(errFailed)
	default:
		done(errExcluded)
	}
}

// verdict is what a call's outcome says about the host.
type verdict int

const (
	nothing    verdict = iota // the caller's fault, or our own
	worked                    // it answered
	pathFailed                // 5xx, no answer, a broken one: the path may be sick, or the host
	hostFailed                // it could not be connected to
)

// close ends the probing.
func (b *breaker) close() {
	b.mu.Lock()
	b.stop()
	if b.timer != nil {
		b.timer.Stop()
	}
	b.mu.Unlock()
	b.shakes.Wait()
}

// notOfAPath is the name of failures that no path has caused.
const notOfAPath = ""

// paths remembers which paths failed and which worked of late, as little of it
// as is needed to tell a sick path from a sick host.
type paths struct {
	lastFailure atomic.Int64 // Unix nanoseconds: while nothing fails, no call takes the lock

	mu   sync.Mutex
	ok   recent
	bad  recent
	from time.Time // when bad.path began to fail without a success between
}

// recent is the last path that something happened to, and the last other one.
type recent struct {
	path, other     string
	pathAt, otherAt time.Time
}

func (r *recent) note(path string, now time.Time) {
	if r.path != path {
		r.other, r.otherAt = r.path, r.pathAt
		r.path = path
	}
	r.pathAt = now
}

func (p *paths) worked(path string, now time.Time) {
	if now.UnixNano()-p.lastFailure.Load() >= int64(failureWindow) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ok.note(path, now)
	if p.bad.path == path {
		p.from = time.Time{}
	}
}

func (p *paths) failed(path string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.from.IsZero() || p.bad.path != path || now.Sub(p.bad.pathAt) >= failureWindow {
		p.from = now
	}
	p.bad.note(path, now)
	p.lastFailure.Store(now.UnixNano())
}

// oneIsSick reports whether all failures of late are of one path, while another
// path works.
func (p *paths) oneIsSick(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	sick := p.bad.path
	if sick == notOfAPath || !p.bad.otherAt.IsZero() && now.Sub(p.bad.otherAt) < failureWindow {
		return false
	}
	since := func(t time.Time) bool { return !t.IsZero() && !t.Before(p.from) && now.Sub(t) < failureWindow }
	return p.ok.path != sick && since(p.ok.pathAt) || p.ok.other != sick && since(p.ok.otherAt)
}
