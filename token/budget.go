package token

import (
	"slices"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// The limits on renewals that refusals cause. WeChat's own for a forced
// stable_token are 20 a day and 30 s apart (WeChat docs: getStableAccessToken); a legacy fetch costs
// one of the day's 2,000 and kills the token before it.
const (
	forcedPerDay = 20
	forcedApart  = 30 * time.Second
	bucketSize   = 20
	bucketRefill = 3 * time.Minute
	quietFirst   = 30 * time.Second
	quietMost    = time.Hour
	rogueStrikes = 2
)

// ledger is what an account has spent on renewals that refusals caused, and
// what it learned from them. Where there is a store all replicas keep one.
type ledger struct {
	// Forced holds the moments of the last day's forced renewals, oldest first.
	Forced []time.Time `json:"forced,omitempty"`
	// Spent and SpentAt are the legacy bucket: Spent renewals at SpentAt, one
	// given back every bucketRefill.
	Spent   int       `json:"spent,omitempty"`
	SpentAt time.Time `json:"spent_at,omitzero"`
	// Strikes counts the exclusive tokens in a row that were refused long before
	// their end.
	Strikes int `json:"strikes,omitempty"`
}

// spend takes one renewal out of the budget at now, and says whether there was
// one. exclusive picks the legacy bucket, else the forced renewals.
func (l *ledger) spend(exclusive bool, now time.Time) bool {
	if l.left(exclusive, now) == 0 {
		return false
	}
	if exclusive {
		l.Spent++
		return true
	}
	if n := len(l.Forced); n > 0 && now.Sub(l.Forced[n-1]) < forcedApart {
		return false
	}
	l.Forced = append(slices.Clone(l.Forced), now)
	return true
}

// left settles the budget at now and returns how many renewals are left in it,
// whether or not the next one must still wait its 30 s.
func (l *ledger) left(exclusive bool, now time.Time) int {
	if !exclusive {
		dayAgo := now.Add(-24 * time.Hour)
		l.Forced = slices.DeleteFunc(slices.Clone(l.Forced), func(t time.Time) bool { return !t.After(dayAgo) })
		return max(0, forcedPerDay-len(l.Forced))
	}
	if l.SpentAt.IsZero() || l.Spent == 0 {
		l.SpentAt = now
	}
	if back := int(now.Sub(l.SpentAt) / bucketRefill); back > 0 {
		l.Spent = max(0, l.Spent-back)
		l.SpentAt = l.SpentAt.Add(time.Duration(back) * bucketRefill)
	}
	return max(0, bucketSize-l.Spent)
}

// strike notes that an exclusive token was renewed because it was refused when
// so much of its life was left, and says whether that looks like somebody else
// fetching too.
func (l *ledger) strike(left time.Duration) bool {
	if left < legacyAhead+time.Minute {
		l.Strikes = 0
		return false
	}
	l.Strikes++
	return l.rogue()
}

func (l *ledger) rogue() bool { return l.Strikes >= rogueStrikes }

// quiet is the time in which refusals start no renewal, because the last one
// did not help.
type quiet struct {
	until time.Time
	next  time.Duration // how long the next one lasts
	value secret.Secret // the value that did not help
}

// unhelpful notes that the renewed value was refused too: each such renewal
// makes the quiet time twice as long. A crowd that got the same value counts
// once, until the quiet time is over: WeCom gives the same one again. It reports
// whether this is news.
func (q *quiet) unhelpful(value secret.Secret, now time.Time) (time.Duration, bool) {
	if q.value == value && !value.IsZero() && now.Before(q.until.Add(moment)) {
		return 0, false
	}
	q.value = value
	d := max(q.next, quietFirst)
	q.next = min(2*d, quietMost)
	q.until = now.Add(d)
	return d, true
}

// exhausted notes that the budget is used up.
func (q *quiet) exhausted(now time.Time) time.Duration {
	q.until = now.Add(quietFirst)
	return quietFirst
}

func (q *quiet) active(now time.Time) bool { return now.Before(q.until) }
