package token

import (
	"context"
	"strings"
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

	// now is what is given out. Whoever replaces it holds mu.
	now atomic.Pointer[held]

	mu        sync.Mutex // never held across I/O
	spec      Spec
	gone      bool    // its account was taken out
	flight    *flight // nil: none under way
	cause     Cause   // of the next flight, "" for the usual ones
	failures  int     // in a row
	nextTry   time.Time
	lastErr   error
	lastErrAt time.Time
	unsaved   bool // what is held is not in the store yet
	saveTry   time.Time
	renewals  uint64
	refusedAt time.Time
	refusedBy int
	refusal   secret.Secret // the value of the last refusal told to the outside
	askedAt   time.Time
	ledger    ledger
	ledgerGen uint64
	quiet     quiet

	looking  sync.Mutex // of who looks into the store because of a refusal; held across I/O
	lookedAt time.Time  // guarded by looking

	due   time.Time // guarded by the scheduler's lock, like slot
	slot  int       // place in the scheduler's heap plus one; 0: not in it
	eager bool
}

// held is a credential as callers get it, with its times ready to compare.
type held struct {
	Credential
	renewAt time.Time
	endNS   int64 // Unix time: comparing it needs no time.Time
	// goodNS is when the latest call was sent that WeChat accepted with this value.
	goodNS atomic.Int64
}

func (h *held) live(nowNS int64) bool { return h != nil && nowNS < h.endNS }

// accepted notes that WeChat took the value in a call sent at sentNS.
func (h *held) accepted(sentNS int64) {
	for {
		old := h.goodNS.Load()
		if sentNS <= old || h.goodNS.CompareAndSwap(old, sentNS) {
			return
		}
	}
}

// Key returns which credential this is.
func (k *Keeper) Key() Key { return k.key }

// Get returns a live credential: at once, without a lock, while there is one;
// else it waits for the fetch in flight as long as ctx lasts. Its error is
// ctx's, or an [*Unavailable].
func (k *Keeper) Get(ctx context.Context) (Credential, error) {
	h, err := k.get(ctx)
	if err != nil {
		return Credential{}, err
	}
	return h.Credential, nil
}

func (k *Keeper) get(ctx context.Context) (*held, error) {
	if h := k.now.Load(); h.live(time.Now().UnixNano()) {
		return h, nil // fresh, or stale: then the scheduler is having a successor fetched
	}
	return k.await(ctx)
}

// await waits until the credential is live, or until the fetch that was to
// make it so has failed.
func (k *Keeper) await(ctx context.Context) (*held, error) {
	f, err := k.join(wish{cause: CauseDemand})
	if err != nil {
		return nil, err
	}
	if f != nil {
		if err := f.wait(ctx); err != nil {
			return nil, err
		}
	}
	if h := k.now.Load(); h.live(time.Now().UnixNano()) {
		return h, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return nil, k.unavailableLocked(time.Now())
}

// Renew asks WeChat at once, for an operator: a forced renewal where the held
// credential is alive and the source knows that mode, within its budget
// ([ErrBudget]), else in normal mode. A "no" of WeChat's is not waited out.
func (k *Keeper) Renew(ctx context.Context) (Credential, error) {
	now := time.Now()
	w := wish{cause: CauseOperator, anyway: true}
	k.mu.Lock()
	h := k.now.Load()
	if h.live(now.UnixNano()) {
		w.than = h.Value
		w.force = k.spec.Schedule.Window > 0
		w.renew = true
	}
	k.mu.Unlock()
	f, err := k.climb(ctx, w)
	if err != nil {
		return Credential{}, err
	}
	if f != nil && f.err != nil {
		return Credential{}, f.err
	}
	h = k.now.Load()
	if h == nil {
		return Credential{}, &Unavailable{Key: k.key, RetryAfter: time.Second, Err: ErrUnknown}
	}
	return h.Credential, nil
}

// Status returns what there is to say about the credential, without its value.
func (k *Keeper) Status() Status {
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Status{
		Key: k.key, State: Empty, LastErr: k.lastErr, LastErrAt: k.lastErrAt,
		LastRejectedAt: k.refusedAt, LastRejectedErrcode: k.refusedBy,
		CooldownUntil: k.quiet.until, Rogue: k.ledger.rogue(), Renewals: k.renewals, ForcedLeft: -1,
	}
	if k.failures > 0 {
		s.NextTryAt = k.nextTry
	}
	if k.spec.budgeted() {
		s.ForcedLeft = k.ledger.left(k.spec.Schedule.Exclusive, now)
	}
	if h := k.now.Load(); h != nil {
		s.State = StateAt(h.Credential, h.renewAt, now)
		s.ExpiresAt, s.RenewAt = h.ExpiresAt, h.renewAt
		s.FetchedAt, s.FirstSeenAt = h.FetchedAt, h.FirstSeenAt
		s.Refused = k.refusal == h.Value && k.refusedAt.UnixNano() > h.goodNS.Load()
	}
	return s
}

// Redact masks the held value in text that is not ours: an error that quotes
// what WeChat sent.
func (k *Keeper) Redact(text string) string {
	h := k.now.Load()
	if h == nil || h.Value.IsZero() {
		return text
	}
	return strings.ReplaceAll(text, h.Value.Reveal(), secret.Mask)
}
