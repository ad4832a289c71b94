package token

import (
	"context"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// Use is one call's use of a credential: what to send, and what to do when
// WeChat refuses it.
//
//	u, err := keeper.Use(ctx)
//	for {
//		u.Sending()
//		answer := send(u.Value())
//		switch {
//		case answer.accepted:
//			u.Accepted()
//			return answer
//		case !answer.refused || !u.Rejected(ctx, answer.errcode):
//			return answer
//		}
//	}
//
// A Use is for one goroutine. It lets a call be sent three times at most.
type Use struct {
	k       *Keeper
	h       *held
	sentNS  int64 // when it was sent last
	firstNS int64 // when it was sent first
	step    step
}

// step is how far up the ladder a call has come.
type step uint8

const (
	stepFirst   step = iota // sent once
	stepNewer               // repeated with a newer value that was held already
	stepAsked               // repeated with the different value that WeChat gave when asked
	stepWaited              // repeated with the same value, which WeChat says is good
	stepUnasked             // repeated with the same value, since its last refusal was a false alarm
	stepLast                // repeated with the same value, and that is all there will be
	stepForced              // repeated with the value of a forced renewal
)

// Use begins a call that needs the credential. It waits like [Keeper.Get].
func (k *Keeper) Use(ctx context.Context) (Use, error) {
	h, err := k.get(ctx)
	return Use{k: k, h: h}, err
}

// UseNow is Use without waiting; false where no credential is alive.
func (k *Keeper) UseNow() (Use, bool) {
	h := k.now.Load()
	return Use{k: k, h: h}, h.live(time.Now().UnixNano())
}

// Value returns what to send this time.
func (u *Use) Value() secret.Secret { return u.h.Value }

// Sending notes that the call is being sent, now.
func (u *Use) Sending() {
	u.sentNS = time.Now().UnixNano()
	if u.firstNS == 0 {
		u.firstNS = u.sentNS
	}
}

// Accepted notes that WeChat took the credential: an HTTP 2xx answer whose
// errcode is 0 or absent. What is merely unknown is neither accepted nor
// refused.
func (u *Use) Accepted() {
	u.h.accepted(u.sentNS)
	if u.step != stepFirst {
		u.k.recovered()
	}
}

// Refused reports that WeChat refused the value with errcode, without
// executing the call, and decides what follows. It returns true when the call
// is to be sent once more, with the [Use.Value] of then, and false when
// WeChat's answer goes to the client. It may wait, and renew the credential,
// as long as ctx lasts.
func (u *Use) Rejected(ctx context.Context, errcode int) bool {
	next, h := u.k.refused(ctx, *u, errcode)
	if h == nil {
		return false
	}
	if h.Value != u.h.Value && next != stepAsked && next != stepForced {
		next = stepNewer // it came during the pause
	}
	u.step, u.h = next, h
	return true
}
