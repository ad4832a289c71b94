package token

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// storeOutageWait is how long a failing store is waited for, once an outage,
	// before exclusive tokens are fetched without it.
	storeOutageWait = 2 * time.Second
	// lockPollMin is the least time between two tries for a lock that another
	// replica holds; the most is twice that.
	lockPollMin = 50 * time.Millisecond
)

// lockOrAdopt makes f the only fetch among the replicas, or adopts what another
// replica has fetched. The lock only saves work: safety rests on generations.
// So a store that fails is done without at once, and a lock that another holds
// is waited for within bounds. Only where each fetch ends the life of what the
// other replicas hold is a failing store given some time to recover: doing
// without it would cost their calls.
func (k *Keeper) lockOrAdopt(ctx context.Context, f *fetch) (adopted bool, unlock func()) {
	unlock = func() {}
	if k.m.opts.Store == nil {
		return false, unlock
	}
	began := time.Now()
	deadline := began.Add(k.m.opts.lockWait())
	for {
		lock, err := k.tryLock(ctx)
		if err == nil {
			unlock = k.keepLock(lock)
		}
		if err != nil && !errors.Is(err, ErrLocked) {
			k.m.noteStore(k.key, err)
			if k.supplied(f) {
				return true, unlock
			}
			if !k.exclusive() || !f.before.live(began.UnixNano()) || k.m.storeGivenUp(began) || !sleepLockPoll(ctx) {
				return false, unlock
			}
			continue
		}
		k.load(ctx)
		if k.supplied(f) {
			return true, unlock
		}
		if err == nil || !time.Now().Before(deadline) || !sleepLockPoll(ctx) {
			return false, unlock
		}
	}
}

func sleepLockPoll(ctx context.Context) bool { return sleep(ctx, lockPollMin+rand.N(lockPollMin)) }

// supplied reports whether what is held now came after f started and is what f
// wants, so that WeChat need not be asked: f itself has loaded it, or Watch has.
func (k *Keeper) supplied(f *fetch) bool {
	cur := k.current.Load()
	now := time.Now()
	switch {
	case !cur.live(now.UnixNano()) || f.cause == CauseSettings:
		return false
	case !f.replaces.IsZero():
		return cur.Value != f.replaces
	default:
		return cur != f.before && now.Before(cur.renewAt)
	}
}

func (k *Keeper) tryLock(ctx context.Context) (Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, k.m.opts.storeTimeout())
	defer cancel()
	return k.m.opts.Store.TryLock(ctx, k.name, k.m.opts.lockTTL())
}

// keepLock extends the lock each time a third of its life is over, until unlock.
func (k *Keeper) keepLock(lock Lock) (unlock func()) {
	ctx, stop := context.WithCancel(context.WithoutCancel(k.m.ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sleep(ctx, k.m.opts.lockTTL()/3) {
			extend := func(ctx context.Context) error { return lock.Extend(ctx, k.m.opts.lockTTL()) }
			if k.withStoreTimeout(ctx, extend) != nil {
				return
			}
		}
	}()
	return func() {
		stop()
		<-done
		_ = k.withStoreTimeout(context.WithoutCancel(ctx), lock.Unlock) // if this fails, the lock expires
	}
}

// withStoreTimeout calls op with the deadline of one store operation.
func (k *Keeper) withStoreTimeout(ctx context.Context, op func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, k.m.opts.storeTimeout())
	defer cancel()
	return op(ctx)
}

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
