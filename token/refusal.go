package token

import (
	"context"
	"errors"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// pause is how long to wait before a value is repeated that WeChat says is
// good: a new one takes a moment to be known to all of WeChat's servers.
const pause = 200 * time.Millisecond

// moment is for how long WeChat's word that a value is good is taken for new.
const moment = 2 * time.Second

// falseAlarm is for how long WeChat's word that a value is good, once a call
// has proved it, makes us slower to ask again: a sick path is refused at every
// call.
const falseAlarm = 30 * time.Second

// facts are what a refusal is judged by.
type facts struct {
	step      step
	newer     bool // another value than the refused one is held, and alive
	believed  bool // no call with the value, sent later than the refused one, has succeeded
	quiet     bool // the last renewal did not help
	alarms    bool // the value was refused lately, and that was a false alarm
	forceable bool // the source has a forced mode
	asked     bool // the source was asked after the call was first sent
}

// move is what to do about a refusal.
type move string

const (
	movePass  move = "passed on" // WeChat's answer goes to the client
	moveNewer move = "newer"     // repeat with the newer value
	moveAsk   move = "asked"     // ask the source in normal mode
	moveWait  move = "waited"    // wait a moment, repeat with the same value, and no more
	moveTry   move = "tried"     // wait a moment, repeat with the same value, and ask the source only then
	moveForce move = "forced"    // a forced renewal
)

// judge is the ladder. First refusal: a newer value, else (the path is sick)
// the same one again, else the source is asked. Second: only where the source
// insists on the same value, a forced renewal. There is no third round.
func judge(f facts) move {
	switch {
	case f.step != stepFirst && f.step != stepWaited && f.step != stepUnasked:
		return movePass
	case f.newer:
		return moveNewer
	case !f.believed && f.step == stepFirst:
		return moveWait
	case !f.believed, f.quiet:
		return movePass
	case f.step == stepFirst && f.alarms:
		return moveTry
	case f.step != stepWaited:
		return moveAsk
	case f.forceable:
		return moveForce
	case !f.asked:
		return moveAsk // its word was from before
	default:
		return movePass
	}
}

// refused climbs the ladder for one call. It returns the credential to repeat
// the call with, or nil.
func (k *Keeper) refused(ctx context.Context, u Use, code int) (step, *held) {
	f := k.facts(u)
	mv := judge(f)
	k.noteRefusal(u, code, mv)
	switch mv {
	case moveNewer:
		return stepNewer, k.now.Load()
	case moveWait:
		return stepLast, k.pause(ctx, u.h)
	case moveTry:
		return stepUnasked, k.pause(ctx, u.h)
	case moveAsk:
		return k.ask(ctx, u)
	case moveForce:
		return k.force(ctx, u)
	default:
		if f.quiet && f.believed && k.elsewhere(u) {
			return stepNewer, k.now.Load()
		}
		if u.step == stepAsked || u.step == stepForced || u.step == stepWaited && f.believed && !f.forceable && f.asked {
			k.unhelpful(u.h.Value)
		}
		return 0, nil
	}
}

func (k *Keeper) facts(u Use) facts {
	now := time.Now()
	cur := k.now.Load()
	good := u.h.goodNS.Load()
	if cur != nil && cur.Value == u.h.Value {
		good = max(good, cur.goodNS.Load())
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return facts{
		step:      u.step,
		newer:     cur.live(now.UnixNano()) && cur.Value != u.h.Value,
		believed:  good <= u.firstNS,
		quiet:     k.quiet.active(now),
		alarms:    now.Sub(k.askedAt) < falseAlarm && good > k.askedAt.UnixNano(),
		forceable: k.spec.Schedule.Window > 0,
		asked:     k.askedAt.UnixNano() >= u.firstNS,
	}
}

// ask is step (2): the source in normal mode.
func (k *Keeper) ask(ctx context.Context, u Use) (step, *held) {
	w := wish{cause: CauseRejection, than: u.h.Value, sinceNS: u.sentNS, renew: k.exclusive()}
	if !w.renew && u.step == stepFirst {
		// What WeChat said a moment before the call was sent still holds: a crowd of
		// calls is not sent all at once.
		w.sinceNS -= int64(moment)
	}
	f, err := k.climb(ctx, w)
	if ctx.Err() != nil || errors.Is(err, ErrBudget) || f != nil && errors.Is(f.err, ErrBudget) {
		return 0, nil
	}
	if cur := k.now.Load(); cur.live(time.Now().UnixNano()) && cur.Value != u.h.Value {
		return stepAsked, cur
	}
	switch {
	case err != nil || f != nil && f.err != nil:
		return stepLast, k.pause(ctx, u.h)
	case u.step == stepUnasked && k.forceable():
		return k.force(ctx, u)
	}
	return stepWaited, k.pause(ctx, u.h)
}

// force is step (4): a forced renewal, where the budget allows one.
func (k *Keeper) force(ctx context.Context, u Use) (step, *held) {
	f, err := k.climb(ctx, wish{cause: CauseForced, than: u.h.Value, sinceNS: u.sentNS, force: true, renew: true})
	if err != nil || ctx.Err() != nil {
		return 0, nil
	}
	if cur := k.now.Load(); cur.live(time.Now().UnixNano()) && cur.Value != u.h.Value {
		return stepForced, cur
	}
	if f != nil && f.err == nil {
		k.unhelpful(u.h.Value)
	}
	return 0, nil
}

// elsewhere reports whether another replica has put a newer value into the
// store: taking that over is no renewal. A crowd of calls looks once.
func (k *Keeper) elsewhere(u Use) bool {
	if k.m.opts.Store == nil || u.step != stepFirst && u.step != stepUnasked {
		return false
	}
	k.looking.Lock()
	defer k.looking.Unlock()
	if !k.newer(u) && time.Since(k.lookedAt) >= pause {
		k.load(k.m.ctx) // for the whole crowd, whoever of it leaves
		k.lookedAt = time.Now()
		k.m.plan(k)
	}
	return k.newer(u)
}

// newer reports whether another value than u's is held, and alive.
func (k *Keeper) newer(u Use) bool {
	cur := k.now.Load()
	return cur.live(time.Now().UnixNano()) && cur.Value != u.h.Value
}

// pause waits a moment and returns what to repeat the call with: h, or what
// has replaced it meanwhile; nil when ctx ended or nothing is alive.
func (k *Keeper) pause(ctx context.Context, h *held) *held {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-t.C:
	}
	now := time.Now().UnixNano()
	if cur := k.now.Load(); cur.live(now) && cur.Value != h.Value {
		return cur
	}
	if !h.live(now) {
		return nil
	}
	return h
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

// unhelpful notes that a value WeChat gave because of a refusal is refused too.
func (k *Keeper) unhelpful(value secret.Secret) {
	k.mu.Lock()
	d, news := k.quiet.unhelpful(value, time.Now())
	k.mu.Unlock()
	if news {
		k.m.tell(Event{Type: EventCooldown, Key: k.key, Took: d})
	}
}

// recovered notes that a repeated call succeeded: refusals are worth a renewal
// again.
func (k *Keeper) recovered() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.quiet = quiet{value: k.quiet.value}
}

// noteRefusal tells the outside, once for each value and step: a thousand
// calls may be refused at once.
func (k *Keeper) noteRefusal(u Use, code int, mv move) {
	now := time.Now()
	k.mu.Lock()
	news := k.refusal != u.h.Value || now.Sub(k.refusedAt) >= time.Second || mv == moveForce
	k.refusal, k.refusedAt, k.refusedBy = u.h.Value, now, code
	k.mu.Unlock()
	if news {
		k.m.tell(Event{Type: EventRejection, Key: k.key, Errcode: code, Step: string(mv), Left: u.h.Left(now)})
	}
}
