package token

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// Keeper keeps one credential alive. It is made by a [Manager] and safe for
// concurrent use.
type Keeper struct {
	m    *Manager
	key  Key
	name string // of its record in the store

	// current is what is given out. Whoever replaces it holds mu.
	current atomic.Pointer[snapshot]

	mu        sync.Mutex // never held across I/O
	spec      Spec
	gone      bool   // its account was taken out
	fetch     *fetch // nil: none under way
	cause     Cause  // of the next fetch, "" for the usual ones
	failures  int    // in a row
	nextTry   time.Time
	lastErr   error
	lastErrAt time.Time
	renewals  uint64

	unsaved   bool // what is held is not in the store yet
	saveAt    time.Time
	reloading atomic.Bool // a goroutine loads from the store until that answers

	rejectedValue   secret.Secret // of the last rejection
	rejectedAt      time.Time
	rejectedErrcode int
	confirmedAt     time.Time // when WeChat, asked after a rejection, last gave the held value again
	cooldown        cooldown
	budget          budget
	budgetGen       uint64

	loading  sync.Mutex // held, across I/O, by the call that loads from the store for a crowd
	loadedAt time.Time  // guarded by loading

	due   time.Time // guarded by the scheduler's lock, like slot
	slot  int       // place in the scheduler's heap plus one; 0: not in it
	eager bool
}

// snapshot is a credential as callers get it, with its times ready to compare.
type snapshot struct {
	Credential
	renewAt time.Time
	endNS   int64 // Unix time: comparing it needs no time.Time
	// acceptedNS is when the latest call was sent that WeChat accepted with this value.
	acceptedNS atomic.Int64
}

func (s *snapshot) live(nowNS int64) bool { return s != nil && nowNS < s.endNS }

// accepted notes that WeChat took the value in a call sent at sentNS.
func (s *snapshot) accepted(sentNS int64) {
	for {
		old := s.acceptedNS.Load()
		if sentNS <= old || s.acceptedNS.CompareAndSwap(old, sentNS) {
			return
		}
	}
}

// successor is the credential that got makes after old, which may be nil.
func successor(old *snapshot, sent time.Time, got Fetched, s Schedule) Credential {
	c := Credential{
		Value: got.Value, Gen: uint64(sent.UnixMicro()),
		FetchedAt: sent, FirstSeenAt: sent, ExpiresIn: got.ExpiresIn, ExpiresAt: sent.Add(got.ExpiresIn),
	}
	if old == nil {
		return c
	}
	c.Gen = max(c.Gen, old.Gen+1)
	if old.Value != got.Value {
		return c
	}
	c.FirstSeenAt = old.FirstSeenAt
	if s.Every > 0 {
		// WeChat says the same expires_in at every fetch of a ticket (observed): it
		// counts from the first sight; but what WeChat gives now is good until asked again.
		c.ExpiresAt = later(c.FirstSeenAt.Add(got.ExpiresIn), sent.Add(min(got.ExpiresIn, s.Every+s.Every/2)))
	}
	return c
}

// holdLocked gives c out from now on. The caller holds mu.
func (k *Keeper) holdLocked(c Credential) {
	renewAt := k.spec.Schedule.Next(c.FetchedAt, c.ExpiresAt, rand.Float64())
	next := &snapshot{Credential: c, renewAt: renewAt, endNS: c.ExpiresAt.UnixNano()}
	if old := k.current.Load(); old != nil && old.Value == c.Value {
		next.acceptedNS.Store(old.acceptedNS.Load())
	} else {
		k.confirmedAt = time.Time{} // that was the old value
	}
	k.current.Store(next)
}

// Key returns which credential this is.
func (k *Keeper) Key() Key { return k.key }

// Get returns a live credential: at once, without a lock, while there is one;
// else it waits for the fetch under way as long as ctx lasts. Its error is
// ctx's, or an [*Unavailable].
func (k *Keeper) Get(ctx context.Context) (Credential, error) {
	cur, err := k.get(ctx)
	if err != nil {
		return Credential{}, err
	}
	return cur.Credential, nil
}

func (k *Keeper) get(ctx context.Context) (*snapshot, error) {
	if cur := k.current.Load(); cur.live(time.Now().UnixNano()) {
		return cur, nil // fresh, or stale: then the scheduler is having a successor fetched
	}
	f, _, err := k.start(request{cause: CauseDemand})
	if err != nil {
		return nil, err
	}
	if f != nil {
		if err := f.wait(ctx); err != nil {
			return nil, err
		}
	}
	if cur := k.current.Load(); cur.live(time.Now().UnixNano()) {
		return cur, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return nil, k.unavailableLocked(time.Now())
}

// Renew asks WeChat at once, for an operator: by a forced renewal if the held
// credential is alive and the source has that mode, within its budget
// ([ErrBudget]), else in normal mode. It does not wait out the time after WeChat's
// "no".
func (k *Keeper) Renew(ctx context.Context) (Credential, error) {
	now := time.Now()
	r := request{cause: CauseOperator, sinceNS: now.UnixNano(), ignoreBackoff: true}
	if cur := k.current.Load(); cur.live(now.UnixNano()) {
		r.replaces = cur.Value
		r.force = k.forceable()
		r.budgeted = true
	}
	f, err := k.await(ctx, r)
	if err != nil {
		return Credential{}, err
	}
	if f != nil && f.err != nil {
		return Credential{}, f.err
	}
	cur := k.current.Load()
	if cur == nil {
		return Credential{}, &Unavailable{Key: k.key, RetryAfter: time.Second, Err: ErrUnknown}
	}
	return cur.Credential, nil
}

func (k *Keeper) forceable() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.spec.Schedule.Window > 0
}

func (k *Keeper) exclusive() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.spec.Schedule.Exclusive
}

// unavailableLocked is the error for a caller who cannot be served now.
func (k *Keeper) unavailableLocked(now time.Time) error {
	return &Unavailable{Key: k.key, RetryAfter: max(time.Second, k.nextTry.Sub(now)), Err: cmp.Or(k.lastErr, errNotFetched)}
}

var (
	errClosed     = errors.New("shutting down")
	errNotFetched = errors.New("no token fetched yet")
)

// Status describes the credential, without its value.
func (k *Keeper) Status() Status {
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Status{
		Key: k.key, State: Empty, LastErr: k.lastErr, LastErrAt: k.lastErrAt,
		LastRejectedAt: k.rejectedAt, LastRejectedErrcode: k.rejectedErrcode,
		CooldownUntil: k.cooldown.until, Rogue: k.budget.rogue(), Renewals: k.renewals, ForcedLeft: -1,
	}
	if k.failures > 0 {
		s.NextTryAt = k.nextTry
	}
	if k.spec.budgeted() {
		s.ForcedLeft = k.budget.left(k.spec.Schedule.Exclusive, now)
	}
	if cur := k.current.Load(); cur != nil {
		s.State = StateAt(cur.Credential, cur.renewAt, now)
		s.ExpiresAt, s.RenewAt = cur.ExpiresAt, cur.renewAt
		s.FetchedAt, s.FirstSeenAt = cur.FetchedAt, cur.FirstSeenAt
		s.Rejected = k.rejectedValue == cur.Value && nanos(k.rejectedAt) > cur.acceptedNS.Load()
	}
	return s
}

// nanos is t in Unix nanoseconds; 0 for the zero time, whose UnixNano is undefined.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
