package token

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"
)

// load reads the store and adopts what is newer there. It reports whether the
// store could be asked.
func (k *Keeper) load(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, k.m.opts.storeTimeout())
	defer cancel()
	rec, err := k.m.opts.Store.Load(ctx, k.name)
	if errors.Is(err, ErrNotFound) {
		k.m.storeSaid(k.key, nil)
		k.missing()
		return true
	}
	k.m.storeSaid(k.key, err)
	if err != nil {
		return false
	}
	c, err := decode(rec)
	if err == nil && fromTheFuture(c.Gen) {
		err = errors.New("a stored credential claims to be from the future")
	}
	if err != nil {
		k.m.tell(Event{Type: EventStore, Key: k.key, Step: "damaged", Err: err})
		k.discard(ctx)
		return true
	}
	k.adopt(c)
	return true
}

var errLedger = errors.New("the stored budget cannot be read")

// fromTheFuture reports a generation that no replica can have made yet.
func fromTheFuture(gen uint64) bool { return gen > uint64(time.Now().Add(24*time.Hour).UnixMicro()) }

// missing notes that the store does not have what is held: it was emptied.
func (k *Keeper) missing() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now.Load().live(time.Now().UnixNano()) && !k.unsaved {
		k.unsaved, k.saveTry = true, time.Now()
	}
}

// discard deletes a record that nobody can read, whatever generation it claims,
// so that a readable one can take its place.
func (k *Keeper) discard(ctx context.Context) {
	k.m.storeSaid(k.key, k.m.opts.Store.Delete(ctx, k.name))
	k.missing()
}

// reserve makes this flight the only one among the replicas, as far as the
// store can, and looks whether another has brought what f wants. The lock saves
// work; what is safe rests on generations, so a store that fails is gone around
// at once, and a lock that is held is waited for, but not for ever. Only where
// each fetch kills what the other replicas hold is a store that fails given a
// moment: going around it would cost their calls.
func (k *Keeper) reserve(ctx context.Context, f *flight) (adopted bool, release func()) {
	release = func() {}
	if k.m.opts.Store == nil {
		return false, release
	}
	began := time.Now()
	give := began.Add(k.m.opts.lockWait())
	for {
		lock, err := k.tryLock(ctx)
		if err == nil {
			release = k.keepLock(lock)
		}
		if err != nil && !errors.Is(err, ErrLocked) {
			k.m.storeSaid(k.key, err)
			if !k.exclusive() || !f.before.live(began.UnixNano()) || k.m.storeLost(began) || !sleep(ctx, lockPoll+rand.N(lockPoll)) {
				return false, release
			}
			continue
		}
		if k.load(ctx) && k.gained(f) {
			return true, release
		}
		if err == nil || !time.Now().Before(give) || !sleep(ctx, lockPoll+rand.N(lockPoll)) {
			return false, release
		}
	}
}

// storeWait is how long a store that fails is waited for, once an outage, before
// exclusive tokens are fetched without it.
const storeWait = 2 * time.Second

// lockPoll is the least time between two looks at a lock that another holds.
const lockPoll = 50 * time.Millisecond

// gained reports whether what is held now came after f took off and is what f
// wants, so that WeChat need not be asked.
func (k *Keeper) gained(f *flight) bool {
	h := k.now.Load()
	now := time.Now()
	switch {
	case h == nil || !h.live(now.UnixNano()) || f.cause == CauseSettings:
		return false
	case !f.than.IsZero():
		return h.Value != f.than
	default:
		return h != f.before && now.Before(h.renewAt)
	}
}

func (k *Keeper) tryLock(ctx context.Context) (Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, k.m.opts.storeTimeout())
	defer cancel()
	return k.m.opts.Store.TryLock(ctx, k.name, k.m.opts.lockTTL())
}

// keepLock extends the lock at a third of its life until it is released.
func (k *Keeper) keepLock(lock Lock) (release func()) {
	ctx, stop := context.WithCancel(context.WithoutCancel(k.m.ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sleep(ctx, k.m.opts.lockTTL()/3) {
			if k.brief(ctx, func(ctx context.Context) error { return lock.Extend(ctx, k.m.opts.lockTTL()) }) != nil {
				return
			}
		}
	}()
	return func() {
		stop()
		<-done
		_ = k.brief(context.WithoutCancel(ctx), lock.Unlock) // it ends by itself if this fails
	}
}

// brief calls op with the store's deadline.
func (k *Keeper) brief(ctx context.Context, op func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, k.m.opts.storeTimeout())
	defer cancel()
	return op(ctx)
}

// spend takes one renewal out of the budget that all replicas share.
func (k *Keeper) spend(ctx context.Context, f *flight, exclusive bool) bool {
	if f.cause == CauseOperator && exclusive {
		return true // a person may fetch; WeChat's own limit on forced ones stands
	}
	k.loadLedger(ctx)
	k.mu.Lock()
	ok := k.ledger.spend(exclusive, wallClock())
	k.mu.Unlock()
	if ok {
		k.saveLedger(ctx)
	}
	return ok
}

// learn notes whether an exclusive token died before its time.
func (k *Keeper) learn(ctx context.Context, f *flight, old *held, now time.Time) {
	if f.cause == CauseSchedule && k.exclusive() {
		k.loadLedger(ctx)
	}
	k.mu.Lock()
	if !k.spec.Schedule.Exclusive || old == nil {
		k.mu.Unlock()
		return
	}
	was, rogue := k.ledger.Strikes, false
	switch f.cause {
	case CauseRejection:
		rogue = k.ledger.strike(old.Left(now))
	case CauseSchedule:
		k.ledger.Strikes = 0
	}
	changed := was != k.ledger.Strikes
	k.mu.Unlock()
	if changed {
		k.saveLedger(ctx)
	}
	if rogue {
		k.m.tell(Event{Type: EventRogue, Key: k.key, Left: old.Left(now)})
	}
}

func (k *Keeper) loadLedger(ctx context.Context) {
	if k.m.opts.Store == nil {
		return
	}
	_ = k.brief(ctx, func(ctx context.Context) error {
		rec, err := k.m.opts.Store.Load(ctx, k.name+ledgerSuffix)
		if err != nil {
			return err
		}
		var l ledger
		if err := json.Unmarshal(rec.Data, &l); err != nil || fromTheFuture(rec.Gen) {
			k.m.tell(Event{Type: EventStore, Key: k.key, Step: "damaged", Err: errLedger})
			return k.m.opts.Store.Delete(ctx, k.name+ledgerSuffix)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if rec.Gen > k.ledgerGen {
			k.ledger, k.ledgerGen = l, rec.Gen
		}
		return nil
	})
}

func (k *Keeper) saveLedger(ctx context.Context) {
	if k.m.opts.Store == nil {
		return
	}
	now := wallClock()
	k.mu.Lock()
	k.ledgerGen = max(k.ledgerGen+1, uint64(now.UnixMicro()))
	rec := Record{Gen: k.ledgerGen, ExpiresAt: now.Add(25 * time.Hour)}
	rec.Data, _ = json.Marshal(k.ledger) // plain numbers and times: cannot fail
	k.mu.Unlock()
	_ = k.brief(ctx, func(ctx context.Context) error {
		err := k.m.opts.Store.Save(ctx, k.name+ledgerSuffix, rec)
		if !errors.Is(err, ErrStale) {
			return err
		}
		if _, err := k.m.opts.Store.Load(ctx, k.name+ledgerSuffix); !errors.Is(err, ErrNotFound) {
			return err // another replica was faster
		}
		// What claims to be newer is nothing that can be read.
		if err := k.m.opts.Store.Delete(ctx, k.name+ledgerSuffix); err != nil {
			return err
		}
		return k.m.opts.Store.Save(ctx, k.name+ledgerSuffix, rec)
	})
}

const ledgerSuffix = "/ledger"

// sleep waits for d and reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
