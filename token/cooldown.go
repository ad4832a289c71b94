package token

import (
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

const (
	cooldownMin = 30 * time.Second
	cooldownMax = time.Hour
)

// cooldown is the time in which rejections start no renewal, because the last one
// did not help.
type cooldown struct {
	until time.Time
	next  time.Duration // how long the next one lasts
	value secret.Secret // the renewed value that did not help
}

// extend notes that the renewed value was rejected too: each such renewal makes
// the cooldown twice as long. A crowd of calls with the same value counts once
// until the cooldown is over, and again after it: WeCom gives the same value for
// two hours. extend returns how long the cooldown lasts, and whether it is new.
func (c *cooldown) extend(value secret.Secret, now time.Time) (time.Duration, bool) {
	if c.value == value && !value.IsZero() && now.Before(c.until.Add(confirmationLife)) {
		return 0, false
	}
	c.value = value
	d := max(c.next, cooldownMin)
	c.next = min(2*d, cooldownMax)
	c.until = now.Add(d)
	return d, true
}

// outOfBudget starts a cooldown because the renewal budget is used up.
func (c *cooldown) outOfBudget(now time.Time) { c.until = now.Add(cooldownMin) }

func (c *cooldown) active(now time.Time) bool { return now.Before(c.until) }

// coolDown notes that a value which WeChat gave because of a rejection was
// rejected too.
func (k *Keeper) coolDown(value secret.Secret) {
	k.mu.Lock()
	d, isNew := k.cooldown.extend(value, time.Now())
	k.mu.Unlock()
	if isNew {
		k.m.emit(Event{Type: EventCooldown, Key: k.key, Took: d})
	}
}

// endCooldown notes that a repeated call succeeded: rejections are worth a renewal
// again.
func (k *Keeper) endCooldown() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cooldown = cooldown{value: k.cooldown.value}
}
