package token

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// request says what a caller wants of a fetch.
type request struct {
	cause Cause
	// replaces is the value to be replaced: any other live value satisfies the
	// request. Zero: any live value does.
	replaces secret.Secret
	// sinceNS is a Unix time: what the source answers to a fetch sent then or later
	// settles the request, even if it answers with the same value again.
	sinceNS       int64
	force         bool // ask for a successor, not for the current value
	budgeted      bool // takes a renewal out of the budget, unless an operator asks
	ignoreBackoff bool // start even while waiting after a failure
}

// fetch is one fetch under way. Everybody who wants its result waits for it; it
// belongs to the Manager, not to the caller who started it.
type fetch struct {
	request
	before *snapshot // what was held when it started
	done   chan struct{}

	// Set before done is closed.
	sentNS int64 // when the source was asked; 0: it was not
	result Result
	err    error
}

// wait waits until f has finished. The error is ctx's alone.
func (f *fetch) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	default:
	}
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settles reports whether f, which has finished, settles r one way or the other.
// A fetch that found a successor in the store has not asked WeChat, so it does not
// settle a request for WeChat's answer.
func (f *fetch) settles(r request) bool {
	switch {
	case r.replaces.IsZero():
		return true
	case r.force:
		return f.force
	default:
		return f.err != nil || f.sentNS >= r.sinceNS
	}
}

// await returns when r is settled: nil where the held credential satisfies it,
// else the fetch that settled it. It waits for the fetch under way, or starts one.
func (k *Keeper) await(ctx context.Context, r request) (*fetch, error) {
	for {
		f, started, err := k.start(r)
		if f == nil || err != nil {
			return nil, err
		}
		if err := f.wait(ctx); err != nil {
			return nil, err
		}
		if started || f.settles(r) {
			return f, nil
		}
	}
}

// start returns the fetch under way, or starts one for r; nil where the held
// credential satisfies r already.
func (k *Keeper) start(r request) (f *fetch, started bool, err error) {
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.gone:
		return nil, false, &Unavailable{Key: k.key, RetryAfter: time.Second, Err: ErrUnknown}
	case k.satisfiedLocked(r, now):
		return nil, false, nil
	case k.fetch != nil:
		return k.fetch, false, nil
	case now.Before(k.nextTry) && !r.ignoreBackoff:
		return nil, false, k.unavailableLocked(now)
	case k.m.ctx.Err() != nil:
		return nil, false, &Unavailable{Key: k.key, RetryAfter: time.Second, Err: errClosed}
	}
	if k.cause != "" && r.replaces.IsZero() {
		r.cause = k.cause
	}
	k.cause = ""
	f = &fetch{request: r, before: k.current.Load(), done: make(chan struct{})}
	k.fetch = f
	k.m.work.Go(func() { k.run(f) })
	return f, true, nil
}

// satisfiedLocked reports whether the held credential is what r asks for.
func (k *Keeper) satisfiedLocked(r request, now time.Time) bool {
	cur := k.current.Load()
	if !cur.live(now.UnixNano()) {
		return false
	}
	switch {
	case r.cause == CauseSchedule:
		return k.cause == "" && now.Before(cur.renewAt) // another replica was faster
	case r.cause == CauseSettings:
		return false
	case cur.Value != r.replaces:
		return true
	default:
		return !r.force && !r.ignoreBackoff && nanos(k.confirmedAt) >= r.sinceNS
	}
}

// run is one fetch from start to finish.
func (k *Keeper) run(f *fetch) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(k.m.ctx, k.m.opts.renewalTimeout())
	defer cancel()
	f.result, f.err = k.renew(ctx, f)
	k.finish(f, time.Since(began))
}

// renew gets a successor: from the store if another replica has put one there,
// else from WeChat. Among the replicas one asks WeChat at a time.
func (k *Keeper) renew(ctx context.Context, f *fetch) (Result, error) {
	adopted, unlock := k.lockOrAdopt(ctx, f)
	defer unlock()
	if adopted {
		return ResultAdopted, nil
	}
	k.mu.Lock()
	spec := k.spec
	k.mu.Unlock()
	if f.budgeted && spec.budgeted() && !k.spend(ctx, f, spec.Schedule.Exclusive) {
		return ResultFailed, ErrBudget
	}
	sent := wallClock()
	f.sentNS = sent.UnixNano()
	fetchCtx, cancel := context.WithTimeout(ctx, k.m.opts.fetchTimeout())
	defer cancel()
	got, err := spec.Source.Fetch(fetchCtx, FetchRequest{Force: f.force})
	if err == nil {
		err = got.check()
	}
	if denied(err) {
		return ResultDenied, err
	}
	if err != nil {
		return ResultFailed, err
	}
	return k.publish(ctx, f, sent, got), nil
}

// publish makes what the source returned the held credential, here and in the
// store, unless a newer one has come meanwhile.
func (k *Keeper) publish(ctx context.Context, f *fetch, sent time.Time, got Fetched) Result {
	k.mu.Lock()
	old := k.current.Load()
	same := old != nil && old.Value == got.Value
	if same && f.cause == CauseRejection {
		k.confirmedAt = sent // this is WeChat's answer to a rejection, and to nothing else
	}
	if same && !f.replaces.IsZero() {
		k.mu.Unlock()
		return ResultSame // a value that was rejected is not published again
	}
	if k.gone {
		k.mu.Unlock()
		return ResultDiscarded
	}
	c := successor(old, sent, got, k.spec.Schedule)
	k.holdLocked(c)
	k.mu.Unlock()
	k.countStrikes(ctx, f, old, sent)
	k.save(ctx, c)
	switch cur := k.current.Load(); {
	case cur == nil || cur.Gen != c.Gen:
		return ResultDiscarded
	case same:
		return ResultSame
	default:
		return ResultRenewed
	}
}

// finish lets those who wait for f go on, and plans the next fetch.
func (k *Keeper) finish(f *fetch, took time.Duration) {
	now := time.Now()
	k.mu.Lock()
	cur := k.current.Load()
	switch {
	case f.err == nil:
		k.failures, k.nextTry, k.lastErr, k.lastErrAt = 0, time.Time{}, nil, time.Time{}
	case errors.Is(f.err, ErrBudget):
		if f.cause != CauseOperator {
			k.cooldown.outOfBudget(now)
		}
	default:
		if f.cause == CauseRejection && cur != nil && (f.replaces.IsZero() || cur.Value == f.replaces) {
			k.cause = CauseRejection // replace what WeChat rejects as soon as it gives another, even without calls
		}
		k.failures++
		k.nextTry = now.Add(backoff(k.failures, f.result == ResultDenied, rand.Float64()))
		k.lastErr, k.lastErrAt = f.err, now
	}
	if f.result == ResultRenewed || f.result == ResultSame {
		k.renewals++
	}
	k.fetch = nil
	left := time.Duration(0)
	if cur != nil {
		left = cur.Left(now)
	}
	k.mu.Unlock()
	k.m.plan(k)
	close(f.done)
	e := Event{Type: EventRenewal, Key: k.key, Cause: f.cause, Result: f.result, Took: took, Left: left, Err: f.err}
	if errors.Is(f.err, ErrBudget) {
		e.Type = EventBudget
	}
	k.m.emit(e)
}
