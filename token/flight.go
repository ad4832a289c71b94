package token

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// wish is what somebody wants of a flight.
type wish struct {
	cause Cause
	// than is the value that has to be replaced: a live one that differs from it
	// fulfils the wish. Zero: any live value does.
	than secret.Secret
	// sinceNS: an answer that the source gave after this moment will do, even if
	// it is than again.
	sinceNS int64
	force   bool // ask for a successor, not for the present value
	renew   bool // it costs a renewal of the budget, unless an operator asks
	anyway  bool // even while a failure is being waited out
}

// flight is one fetch on its way; everybody who wants its result waits for it.
// It belongs to the Manager, not to the caller who started it.
type flight struct {
	wish
	before *held // what was held when it took off
	done   chan struct{}
	sentNS int64 // when the source was asked; 0: it was not
	result Result
	err    error
}

// wait waits for the landing. The error is ctx's alone.
func (f *flight) wait(ctx context.Context) error {
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

// answers reports whether f, landed, settles w one way or the other.
func (f *flight) answers(w wish) bool {
	switch {
	case w.than.IsZero():
		return true
	case w.force:
		return f.force
	default:
		return f.err != nil || f.sentNS >= w.sinceNS
	}
}

// climb sees to it that w is fulfilled: by what is held (nil, nil), or by a
// flight in the air or a new one, which has landed when climb returns.
func (k *Keeper) climb(ctx context.Context, w wish) (*flight, error) {
	for {
		f, err := k.join(w)
		if f == nil || err != nil {
			return nil, err
		}
		if err := f.wait(ctx); err != nil {
			return nil, err
		}
		if f.answers(w) {
			return f, nil
		}
	}
}

// join returns the flight in the air, or starts one for w; nil where what is
// held fulfils w already.
func (k *Keeper) join(w wish) (*flight, error) {
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.gone:
		return nil, &Unavailable{Key: k.key, RetryAfter: time.Second, Err: ErrUnknown}
	case k.fulfilsLocked(w, now):
		return nil, nil
	case k.flight != nil:
		return k.flight, nil
	case now.Before(k.nextTry) && !w.anyway:
		return nil, k.unavailableLocked(now)
	}
	return k.takeOffLocked(w)
}

func (k *Keeper) fulfilsLocked(w wish, now time.Time) bool {
	h := k.now.Load()
	if !h.live(now.UnixNano()) {
		return false
	}
	switch {
	case w.cause == CauseSchedule:
		return k.cause == "" && now.Before(h.renewAt) // another replica was faster
	case w.cause == CauseSettings:
		return false
	case h.Value != w.than:
		return true
	default:
		return !w.force && !w.anyway && k.askedAt.UnixNano() >= w.sinceNS
	}
}

func (k *Keeper) takeOffLocked(w wish) (*flight, error) {
	if k.m.ctx.Err() != nil {
		return nil, &Unavailable{Key: k.key, RetryAfter: time.Second, Err: errClosed}
	}
	if k.cause != "" && w.than.IsZero() {
		w.cause = k.cause
	}
	k.cause = ""
	f := &flight{wish: w, before: k.now.Load(), done: make(chan struct{})}
	k.flight = f
	k.m.flights.Go(func() { k.fly(f) })
	return f, nil
}

// fly is the whole flight: another replica's result if there is one, else
// WeChat's, and the landing.
func (k *Keeper) fly(f *flight) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(k.m.ctx, k.m.opts.flightTimeout())
	defer cancel()
	f.result, f.err = k.renew(ctx, f)
	k.land(f, time.Since(began))
}

func (k *Keeper) renew(ctx context.Context, f *flight) (Result, error) {
	adopted, release := k.reserve(ctx, f)
	defer release()
	if adopted {
		return ResultAdopted, nil
	}
	k.mu.Lock()
	spec := k.spec
	k.mu.Unlock()
	if f.renew && spec.budgeted() && !k.spend(ctx, f, spec.Schedule.Exclusive) {
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
	if err != nil {
		return failure(err), err
	}
	return k.publish(ctx, f, sent, got)
}

// check refuses what no credential can be, whatever the source thinks.
func (g Fetched) check() error {
	switch {
	case g.Value.IsZero():
		return errors.New("the answer holds no value")
	case g.ExpiresIn <= 0 || g.ExpiresIn > 31*24*time.Hour:
		return errors.New("the answer's expires_in cannot be believed")
	}
	return nil
}

func failure(err error) Result {
	if denied(err) {
		return ResultDenied
	}
	return ResultFailed
}

// denied reports whether err is WeChat's "no", which asking again soon will
// not change.
func denied(err error) bool {
	var e *errcode.Error
	if !errors.As(err, &e) {
		return false
	}
	v := errcode.Classify(e.Platform, e.Endpoint, e.Code)
	return v == errcode.Denied || v == errcode.Limited
}

// land ends the flight: its waiters go on, and the next one is planned.
func (k *Keeper) land(f *flight, took time.Duration) {
	now := time.Now()
	k.mu.Lock()
	switch {
	case f.err == nil:
		k.failures, k.nextTry, k.lastErr, k.lastErrAt = 0, time.Time{}, nil, time.Time{}
	case errors.Is(f.err, ErrBudget):
		if f.cause != CauseOperator {
			k.quiet.exhausted(now)
		}
	default:
		if h := k.now.Load(); f.cause == CauseRejection && h != nil && (f.than.IsZero() || h.Value == f.than) {
			k.cause = CauseRejection // what WeChat refuses is replaced as soon as it gives another, with or without calls
		}
		k.failures++
		k.nextTry = now.Add(backoff(k.failures, f.result == ResultDenied, rand.Float64()))
		k.lastErr, k.lastErrAt = f.err, now
	}
	if f.result == ResultRenewed || f.result == ResultSame {
		k.renewals++
	}
	k.flight = nil
	left := time.Duration(0)
	if h := k.now.Load(); h != nil {
		left = h.Left(now)
	}
	k.mu.Unlock()
	k.m.plan(k)
	close(f.done)
	t := EventRenewal
	if errors.Is(f.err, ErrBudget) {
		t = EventBudget
	}
	k.m.tell(Event{Type: t, Key: k.key, Cause: f.cause, Result: f.result, Took: took, Left: left, Err: f.err})
}

// unavailableLocked is the error for a caller who cannot be served now.
func (k *Keeper) unavailableLocked(now time.Time) error {
	err := k.lastErr
	if err == nil {
		err = errNotYet
	}
	return &Unavailable{Key: k.key, RetryAfter: max(time.Second, k.nextTry.Sub(now)), Err: err}
}

var (
	errClosed = errors.New("shutting down")
	errNotYet = errors.New("none could be had yet")
)

// wallClock is the time without the monotonic reading: a credential's end is a
// moment of the day, and a machine that slept must notice that it has passed.
func wallClock() time.Time { return time.Now().Round(0) }
