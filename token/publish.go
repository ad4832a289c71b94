package token

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// publish makes what the source brought the held credential, here and in the
// store, unless a newer one has come meanwhile.
func (k *Keeper) publish(ctx context.Context, f *flight, sent time.Time, got Fetched) (Result, error) {
	k.mu.Lock()
	old := k.now.Load()
	same := old != nil && old.Value == got.Value
	if same && f.cause == CauseRejection {
		k.askedAt = sent // WeChat's word about a refusal, and not about anything else
	}
	if same && !f.than.IsZero() {
		k.mu.Unlock()
		return ResultSame, nil // what was refused is not published again
	}
	if k.gone {
		k.mu.Unlock()
		return ResultDiscarded, nil
	}
	c := successor(old, sent, got, k.spec.Schedule)
	k.holdLocked(c)
	k.mu.Unlock()
	k.learn(ctx, f, old, sent)
	k.save(ctx, c)
	if h := k.now.Load(); h == nil || h.Gen != c.Gen {
		return ResultDiscarded, nil
	}
	if same {
		return ResultSame, nil
	}
	return ResultRenewed, nil
}

// successor is the credential that got makes after old, which may be nil.
func successor(old *held, sent time.Time, got Fetched, s Schedule) Credential {
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

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// holdLocked gives c out from now on. The caller holds mu.
func (k *Keeper) holdLocked(c Credential) {
	renewAt := k.spec.Schedule.Next(c.FetchedAt, c.ExpiresAt, rand.Float64())
	h := &held{Credential: c, renewAt: renewAt, endNS: c.ExpiresAt.UnixNano()}
	if old := k.now.Load(); old != nil && old.Value == c.Value {
		h.goodNS.Store(old.goodNS.Load())
	} else {
		k.askedAt = time.Time{} // WeChat's word was for the old one
	}
	k.now.Store(h)
}

// adopt takes over a credential that another replica published, if it is newer
// than what is held, and alive.
func (k *Keeper) adopt(c Credential) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.now.Load(); k.gone || !c.Live(time.Now()) || h != nil && h.Gen >= c.Gen {
		return false
	}
	k.holdLocked(c)
	k.unsaved = false
	if k.cause == CauseStart || k.cause == CauseRejection {
		k.cause = "" // here it is
	}
	return true
}

// save writes c to the store. Where the store holds a newer one, that is
// adopted; where it cannot be reached, c is written later.
func (k *Keeper) save(ctx context.Context, c Credential) {
	if k.m.opts.Store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, k.m.opts.storeTimeout())
	defer cancel()
	err := k.m.opts.Store.Save(ctx, k.name, encode(c))
	stale := errors.Is(err, ErrStale)
	if !stale {
		k.m.storeSaid(k.key, err)
	}
	k.mu.Lock()
	if h := k.now.Load(); h != nil && h.Gen == c.Gen {
		k.unsaved = err != nil && !stale
		k.saveTry = time.Now().Add(saveAgain)
	}
	k.mu.Unlock()
	if stale && !k.loadNewer(ctx, c) {
		// What claims to be newer is nothing that can be read.
		k.discard(ctx)
		err := k.m.opts.Store.Save(ctx, k.name, encode(c))
		k.mu.Lock()
		k.unsaved = err != nil && !errors.Is(err, ErrStale)
		k.mu.Unlock()
	}
}

// loadNewer reads what the store says is newer than c, and reports whether there
// was anything to be read.
func (k *Keeper) loadNewer(ctx context.Context, c Credential) bool {
	if !k.load(ctx) {
		return true // it cannot say now
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.now.Load()
	return !k.unsaved || h == nil || h.Gen != c.Gen
}

// saveAgain is how long to wait before a store that was down is tried again.
const saveAgain = 2 * time.Second
