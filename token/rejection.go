package token

import (
	"context"
	"errors"
	"time"
)

const (
	// propagationDelay is how long to wait before a value is repeated that WeChat
	// says is good: not all of WeChat's servers know a new one at once.
	propagationDelay = 200 * time.Millisecond
	// confirmationLife is how long WeChat's answer that a value is good holds for
	// calls that were sent later.
	confirmationLife = 2 * time.Second
	// falseAlarmLife is how long a rejection that turned out wrong makes the next
	// one of the same value be repeated before WeChat is asked: a broken path of
	// WeChat's rejects every call.
	falseAlarmLife = 30 * time.Second
)

// step is how far a call has come in the sequence of repeats.
type step uint8

const (
	stepFirst     step = iota // sent once
	stepNewer                 // repeated with a newer value that was held already
	stepAsked                 // repeated with the different value that WeChat gave when asked
	stepConfirmed             // repeated with the same value, which WeChat says is good
	stepRetried               // repeated with the same value, since its last rejection was a false alarm
	stepLast                  // repeated with the same value, for the last time
	stepForced                // repeated with the value of a forced renewal
)

// action is what to do about a rejection.
type action string

const (
	actionPass  action = "passed on" // give WeChat's answer to the client
	actionNewer action = "newer"     // repeat with the newer value
	actionAsk   action = "asked"     // ask the source in normal mode
	actionWait  action = "waited"    // wait, repeat with the same value, and that is all
	actionRetry action = "tried"     // wait, repeat with the same value, and ask the source only if that fails
	actionForce action = "forced"    // force a renewal
)

// Rejected reports that WeChat rejected the value with errcode, without
// executing the call, and decides what follows. It returns true if the call is
// to be sent once more, with what [Use.Value] then returns, and false if WeChat's
// answer goes to the client. It may wait, and renew the credential, as long as
// ctx lasts.
func (u *Use) Rejected(ctx context.Context, errcode int) bool {
	next, cur := u.k.rejected(ctx, *u, errcode)
	if cur == nil {
		return false
	}
	if cur.Value != u.cur.Value && next != stepAsked && next != stepForced {
		next = stepNewer // it came during the wait
	}
	u.step, u.cur = next, cur
	return true
}

// rejected acts on one call's rejection. It returns the credential to repeat the
// call with, or nil.
func (k *Keeper) rejected(ctx context.Context, u Use, code int) (step, *snapshot) {
	e := k.evidence(u)
	act := decide(e)
	k.noteRejection(u, code, act)
	switch act {
	case actionNewer:
		return stepNewer, k.newer(u)
	case actionWait:
		return stepLast, k.waitToRepeat(ctx, u.cur)
	case actionRetry:
		return stepRetried, k.waitToRepeat(ctx, u.cur)
	case actionAsk:
		return k.ask(ctx, u)
	case actionForce:
		return k.force(ctx, u)
	default:
		if e.cooldown && e.believed {
			if cur := k.loadNewerFor(u); cur != nil {
				return stepNewer, cur
			}
		}
		if u.step == stepAsked || u.step == stepForced || u.step == stepConfirmed && e.believed && !e.forceable && e.confirmed {
			k.coolDown(u.cur.Value)
		}
		return 0, nil
	}
}

// evidence is what a rejection is judged by.
type evidence struct {
	step       step
	newer      bool // another value than the rejected one is held, and alive
	believed   bool // no call with the value, sent later than the rejected one, has succeeded
	cooldown   bool // the last renewal did not help
	falseAlarm bool // the value was rejected lately, and a later call with it succeeded
	forceable  bool // the source has a forced mode
	confirmed  bool // the source gave the same value after the call was first sent
}

func (k *Keeper) evidence(u Use) evidence {
	now := time.Now()
	accepted := u.cur.acceptedNS.Load()
	if cur := k.current.Load(); cur != nil && cur.Value == u.cur.Value {
		accepted = max(accepted, cur.acceptedNS.Load())
	}
	newer := k.newer(u) != nil
	k.mu.Lock()
	defer k.mu.Unlock()
	return evidence{
		step:       u.step,
		newer:      newer,
		believed:   accepted <= u.firstNS,
		cooldown:   k.cooldown.active(now),
		falseAlarm: now.Sub(k.confirmedAt) < falseAlarmLife && accepted > nanos(k.confirmedAt),
		forceable:  k.spec.Schedule.Window > 0,
		confirmed:  nanos(k.confirmedAt) >= u.firstNS,
	}
}

// decide says what to do, at ever higher cost. After the first rejection: repeat
// with a newer value, or with the same one if later calls succeeded with it, else
// ask the source. After the second: force a renewal, if the source insists on
// the same value. There is no third round.
func decide(e evidence) action {
	switch {
	case e.step != stepFirst && e.step != stepConfirmed && e.step != stepRetried:
		return actionPass
	case e.newer:
		return actionNewer
	case !e.believed && e.step == stepFirst:
		return actionWait
	case !e.believed, e.cooldown:
		return actionPass
	case e.step == stepFirst && e.falseAlarm:
		return actionRetry
	case e.step != stepConfirmed:
		return actionAsk
	case e.forceable:
		return actionForce
	case !e.confirmed:
		return actionAsk // it was confirmed before the call was sent
	default:
		return actionPass
	}
}

// ask asks the source in normal mode.
func (k *Keeper) ask(ctx context.Context, u Use) (step, *snapshot) {
	r := request{cause: CauseRejection, replaces: u.cur.Value, sinceNS: u.sentNS, budgeted: k.exclusive()}
	if !r.budgeted && u.step == stepFirst {
		// The calls of a crowd are not all sent at once: what WeChat said shortly
		// before this one was sent still holds.
		r.sinceNS -= int64(confirmationLife)
	}
	f, err := k.await(ctx, r)
	if ctx.Err() != nil || errors.Is(err, ErrBudget) || f != nil && errors.Is(f.err, ErrBudget) {
		return 0, nil
	}
	if cur := k.newer(u); cur != nil {
		return stepAsked, cur
	}
	switch {
	case err != nil || f != nil && f.err != nil:
		return stepLast, k.waitToRepeat(ctx, u.cur)
	case u.step == stepRetried && k.forceable():
		return k.force(ctx, u)
	}
	return stepConfirmed, k.waitToRepeat(ctx, u.cur)
}

// force forces a renewal, if the budget allows one.
func (k *Keeper) force(ctx context.Context, u Use) (step, *snapshot) {
	f, err := k.await(ctx, request{cause: CauseForced, replaces: u.cur.Value, sinceNS: u.sentNS, force: true, budgeted: true})
	if err != nil || ctx.Err() != nil {
		return 0, nil
	}
	if cur := k.newer(u); cur != nil {
		return stepForced, cur
	}
	if f != nil && f.err == nil {
		k.coolDown(u.cur.Value)
	}
	return 0, nil
}

// loadNewerFor returns the newer value that another replica has put into the store,
// or nil: taking that over is no renewal. A crowd of calls loads once.
func (k *Keeper) loadNewerFor(u Use) *snapshot {
	if k.m.opts.Store == nil || u.step != stepFirst && u.step != stepRetried {
		return nil
	}
	k.loading.Lock()
	defer k.loading.Unlock()
	if k.newer(u) == nil && time.Since(k.loadedAt) >= propagationDelay {
		k.load(k.m.ctx) // for the whole crowd, whichever call of it ends
		k.loadedAt = time.Now()
		k.m.plan(k)
	}
	return k.newer(u)
}

// newer returns the held credential if it is alive and its value is not the one
// that u was sent with, else nil.
func (k *Keeper) newer(u Use) *snapshot {
	cur := k.current.Load()
	if !cur.live(time.Now().UnixNano()) || cur.Value == u.cur.Value {
		return nil
	}
	return cur
}

// waitToRepeat waits and returns what to repeat the call with: used, or what has
// replaced it meanwhile; nil if ctx ended or nothing is alive.
func (k *Keeper) waitToRepeat(ctx context.Context, used *snapshot) *snapshot {
	if !sleep(ctx, propagationDelay) {
		return nil
	}
	now := time.Now().UnixNano()
	if cur := k.current.Load(); cur.live(now) && cur.Value != used.Value {
		return cur
	}
	if !used.live(now) {
		return nil
	}
	return used
}

// noteRejection tells the Manager's user, once for each value and action: a
// thousand calls may be rejected at once.
func (k *Keeper) noteRejection(u Use, code int, act action) {
	now := time.Now()
	k.mu.Lock()
	isNew := k.rejectedValue != u.cur.Value || now.Sub(k.rejectedAt) >= time.Second || act == actionForce
	k.rejectedValue, k.rejectedAt, k.rejectedErrcode = u.cur.Value, now, code
	k.mu.Unlock()
	if isNew {
		k.m.emit(Event{Type: EventRejection, Key: k.key, Errcode: code, Step: string(act), Left: u.cur.Left(now)})
	}
}
