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

// breaker keeps calls from a host that fails. Once it has rested it lets a short
// call through as a probe, and another each time half a rest has passed without an
// answer: a slow path must not hold everybody up. A body that streams is never the
// probe, it may trickle for minutes. Where no short call comes, a handshake is the
// probe.
type breaker struct {
	cb        *gobreaker.TwoStepCircuitBreaker[any]
	openFor   time.Duration
	handshake func(context.Context) error // connects, and says how that went
	onChange  func(from, to string)       // may be nil

	notClosed atomic.Bool  // as of the last change
	changed   atomic.Int64 // time of the last change, Unix nanoseconds; 0: never
	inARow    atomic.Int64 // failures without a success between, however long that took
	// probation: it was closed by a handshake, so the next failure opens it again.
	probation atomic.Bool
	paths     paths

	mu         sync.Mutex
	ctx        context.Context // ends with close
	stop       context.CancelFunc
	timer      *time.Timer // to the next handshake; nil before the first
	handshakes sync.WaitGroup
	probe      *probing // the call that probes; nil: none
}

// passage is a call that was let through. It is reported once, with tell.
type passage struct {
	done  func(error) // gobreaker's
	since time.Time
	probe *probing // nil: it probes nothing
}

func newBreaker(name string, openFor time.Duration, handshake func(context.Context) error, onChange func(from, to string)) *breaker {
	b := &breaker{openFor: openFor, handshake: handshake, onChange: onChange}
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.cb = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
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
	seen := n.TotalSuccesses + n.TotalFailures // n.Requests also counts what is excluded, or under way
	switch {
	case b.probation.Load():
		return true
	case b.inARow.Load() >= failuresInARow, seen >= enoughCalls && 2*n.TotalFailures >= seen:
		return !b.paths.oneIsSick(now)
	}
	return false
}

// change is called by gobreaker with its lock held.
func (b *breaker) change(from, to gobreaker.State) {
	b.changed.Store(time.Now().UnixNano())
	b.notClosed.Store(to != gobreaker.StateClosed)
	if to == gobreaker.StateOpen {
		b.probation.Store(false)
		b.schedule(b.openFor + b.openFor/2)
	}
	if b.onChange != nil {
		b.onChange(from.String(), to.String())
	}
}

// allow asks for a call to be let through; then tell must be called once. mayProbe
// says that the call may be the one that probes a rested host.
func (b *breaker) allow(ctx context.Context, mayProbe bool) (p passage, ok bool) {
	rested := b.notClosed.Load()
	if rested && !mayProbe {
		switch b.cb.State() {
		case gobreaker.StateOpen:
			return p, false
		case gobreaker.StateHalfOpen:
			if !b.tryHandshake(ctx) {
				return p, false
			}
			rested = false
		}
	}
	p.since = time.Now()
	done, err := b.cb.Allow()
	if err == gobreaker.ErrTooManyRequests && b.giveUpProbe(p.since) {
		done, err = b.cb.Allow()
	}
	if err != nil {
		return p, false
	}
	p.done = done
	if rested {
		p.probe = &probing{done: done, since: p.since}
		b.mu.Lock()
		b.probe = p.probe
		b.mu.Unlock()
	}
	return p, true
}

// count tells gobreaker of a result now: it forgets what it hears of a call that
// began longer ago than its window.
func (b *breaker) count(err error) {
	if done, refused := b.cb.Allow(); refused == nil {
		done(err)
	}
}

// mayTry reports whether a call might be let through.
func (b *breaker) mayTry() bool {
	return !b.notClosed.Load() || b.cb.State() != gobreaker.StateOpen // State takes a lock
}

// restsFor returns how long the breaker still rests.
func (b *breaker) restsFor(now time.Time) time.Duration {
	return time.Unix(0, b.changed.Load()).Add(b.openFor).Sub(now)
}

// tell reports how a call that was let through went; path is what was called.
func (b *breaker) tell(p passage, v verdict, path string) {
	now := time.Now()
	result := b.note(v, path, now)
	switch {
	case p.probe != nil:
		if v == pathFailed && b.mayBeThePath(path, now) {
			result = errExcluded
		}
		b.endProbe(p.probe, result)
	case now.Sub(p.since) < time.Second:
		p.done(result)
	default:
		p.done(errExcluded)
		if !b.notClosed.Load() {
			b.count(result)
		}
	}
}

// note remembers a result, and says what gobreaker is told of it.
func (b *breaker) note(v verdict, path string, now time.Time) error {
	switch v {
	case worked:
		b.paths.worked(path, now)
		if b.inARow.Load() != 0 {
			b.inARow.Store(0)
		}
		if b.probation.Load() {
			b.probation.Store(false)
		}
		return nil
	case hostFailed:
		path = notOfAPath
	case pathFailed:
	default:
		return errExcluded
	}
	b.inARow.Add(1)
	b.paths.failed(path, now)
	return errFailed
}

// verdict is what a call's outcome says about the host.
type verdict int

const (
	nothing    verdict = iota // the caller's fault, or our own
	worked                    // it answered
	pathFailed                // 5xx, no answer, a broken one: the path may be sick, or the host
	hostFailed                // it could not be connected to
)

// verdictOn says what a failure says about the host. It stands apart so that a call
// that worked allocates nothing for it.
func verdictOn(err error) verdict {
	var f *Failure
	switch {
	case !errors.As(err, &f) || !f.blamesHost():
		return nothing
	case f.Connect():
		return hostFailed
	}
	return pathFailed
}

// close ends the probing.
func (b *breaker) close() {
	b.mu.Lock()
	b.stop()
	if b.timer != nil {
		b.timer.Stop()
	}
	b.mu.Unlock()
	b.handshakes.Wait()
}
