package token

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// The limits on renewals that rejections cause. WeChat's own for a forced
// stable_token are 20 a day and 30 s apart (WeChat docs: getStableAccessToken); a legacy fetch costs
// one of the day's 2,000 and ends the token before it.
const (
	forcedPerDay = 20
	forcedApart  = 30 * time.Second
	bucketSize   = 20
	bucketRefill = 3 * time.Minute
	rogueStrikes = 2
)

// budget is the renewal budget of an account: what it has spent on renewals that
// rejections caused, and what it learned from them. Where there is a store all
// replicas share one.
type budget struct {
	// Forced holds the times of the last day's forced renewals, oldest first.
	Forced []time.Time `json:"forced,omitempty"`
	// Spent and SpentAt are the legacy bucket: Spent renewals at SpentAt, one
	// given back every bucketRefill.
	Spent   int       `json:"spent,omitempty"`
	SpentAt time.Time `json:"spent_at,omitzero"`
	// Strikes counts the exclusive tokens in a row that were rejected long before
	// their end.
	Strikes int `json:"strikes,omitempty"`
}

// spend takes one renewal out of the budget at now, and reports whether there was
// one. exclusive picks the legacy bucket, else the forced renewals.
func (b *budget) spend(exclusive bool, now time.Time) bool {
	if b.left(exclusive, now) == 0 {
		return false
	}
	if exclusive {
		b.Spent++
		return true
	}
	if n := len(b.Forced); n > 0 && now.Sub(b.Forced[n-1]) < forcedApart {
		return false
	}
	b.Forced = append(slices.Clone(b.Forced), now)
	return true
}

// left brings the budget up to now and returns how many renewals are left in it,
// whether or not the next one must still wait its 30 s.
func (b *budget) left(exclusive bool, now time.Time) int {
	if !exclusive {
		dayAgo := now.Add(-24 * time.Hour)
		b.Forced = slices.DeleteFunc(slices.Clone(b.Forced), func(t time.Time) bool { return !t.After(dayAgo) })
		return max(0, forcedPerDay-len(b.Forced))
	}
	if b.SpentAt.IsZero() || b.Spent == 0 {
		b.SpentAt = now
	}
	if back := int(now.Sub(b.SpentAt) / bucketRefill); back > 0 {
		b.Spent = max(0, b.Spent-back)
		b.SpentAt = b.SpentAt.Add(time.Duration(back) * bucketRefill)
	}
	return max(0, bucketSize-b.Spent)
}

// strike counts an exclusive token that was renewed because it was rejected with
// left of its life to go, and reports whether somebody else seems to fetch too.
// Near its end a rejection is no sign of that.
func (b *budget) strike(left time.Duration) bool {
	if left < legacyAhead+time.Minute {
		b.Strikes = 0
		return false
	}
	b.Strikes++
	return b.rogue()
}

func (b *budget) rogue() bool { return b.Strikes >= rogueStrikes }

// spend takes one renewal out of the budget that all replicas share.
func (k *Keeper) spend(ctx context.Context, f *fetch, exclusive bool) bool {
	if f.cause == CauseOperator && exclusive {
		return true // an operator may fetch; WeChat's own limit on forced renewals stands
	}
	k.loadBudget(ctx)
	k.mu.Lock()
	ok := k.budget.spend(exclusive, wallClock())
	k.mu.Unlock()
	if ok {
		k.saveBudget(ctx)
	}
	return ok
}

// countStrikes notes whether an exclusive token, old, was rejected before its time.
func (k *Keeper) countStrikes(ctx context.Context, f *fetch, old *snapshot, now time.Time) {
	if f.cause == CauseSchedule && k.exclusive() {
		k.loadBudget(ctx)
	}
	k.mu.Lock()
	if !k.spec.Schedule.Exclusive || old == nil {
		k.mu.Unlock()
		return
	}
	before, rogue := k.budget.Strikes, false
	switch f.cause {
	case CauseRejection:
		rogue = k.budget.strike(old.Left(now))
	case CauseSchedule:
		k.budget.Strikes = 0
	}
	changed := before != k.budget.Strikes
	k.mu.Unlock()
	if changed {
		k.saveBudget(ctx)
	}
	if rogue {
		k.m.emit(Event{Type: EventRogue, Key: k.key, Left: old.Left(now)})
	}
}

// budgetSuffix makes the name of the budget's record of that of the credential.
const budgetSuffix = "/ledger"

var errBudgetRecord = errors.New("the stored renewal budget cannot be read")

func (k *Keeper) loadBudget(ctx context.Context) {
	if k.m.opts.Store == nil {
		return
	}
	_ = k.withStoreTimeout(ctx, func(ctx context.Context) error {
		rec, err := k.m.opts.Store.Load(ctx, k.name+budgetSuffix)
		if err != nil {
			return err
		}
		var b budget
		if err := json.Unmarshal(rec.Data, &b); err != nil || fromTheFuture(rec.Gen) {
			k.m.emit(Event{Type: EventStore, Key: k.key, Step: "damaged", Err: errBudgetRecord})
			return k.m.opts.Store.Delete(ctx, k.name+budgetSuffix)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if rec.Gen > k.budgetGen {
			k.budget, k.budgetGen = b, rec.Gen
		}
		return nil
	})
}

func (k *Keeper) saveBudget(ctx context.Context) {
	if k.m.opts.Store == nil {
		return
	}
	now := wallClock()
	k.mu.Lock()
	k.budgetGen = max(k.budgetGen+1, uint64(now.UnixMicro()))
	rec := Record{Gen: k.budgetGen, ExpiresAt: now.Add(25 * time.Hour)}
	rec.Data, _ = json.Marshal(k.budget) // plain numbers and times: cannot fail
	k.mu.Unlock()
	_ = k.withStoreTimeout(ctx, func(ctx context.Context) error {
		err := k.m.opts.Store.Save(ctx, k.name+budgetSuffix, rec)
		if !errors.Is(err, ErrStale) {
			return err
		}
		if _, err := k.m.opts.Store.Load(ctx, k.name+budgetSuffix); !errors.Is(err, ErrNotFound) {
			return err // another replica was faster
		}
		// The newer record cannot be read.
		if err := k.m.opts.Store.Delete(ctx, k.name+budgetSuffix); err != nil {
			return err
		}
		return k.m.opts.Store.Save(ctx, k.name+budgetSuffix, rec)
	})
}
