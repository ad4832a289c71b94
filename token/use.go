package token

import (
	"context"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// Use is one call's use of a credential: what to send, and what to do when
// WeChat rejects it.
//
//	u, err := keeper.Use(ctx)
//	for {
//		u.Sending()
//		answer := send(u.Value())
//		switch {
//		case answer.accepted:
//			u.Accepted()
//			return answer
//		case !answer.rejected || !u.Rejected(ctx, answer.errcode):
//			return answer
//		}
//	}
//
// A Use is for one goroutine. It lets a call be sent three times at most.
type Use struct {
	k       *Keeper
	cur     *snapshot
	sentNS  int64 // when it was sent last
	firstNS int64 // when it was sent first
	step    step
}

// Use begins a call that needs the credential. It waits, and fails, like
// [Keeper.Get].
func (k *Keeper) Use(ctx context.Context) (Use, error) {
	cur, err := k.get(ctx)
	return Use{k: k, cur: cur}, err
}

// UseNow is Use without waiting; false if no credential is alive.
func (k *Keeper) UseNow() (Use, bool) {
	cur := k.current.Load()
	return Use{k: k, cur: cur}, cur.live(time.Now().UnixNano())
}

// Value returns what to send this time.
func (u *Use) Value() secret.Secret { return u.cur.Value }

// Sending notes that the call is being sent, now.
func (u *Use) Sending() {
	u.sentNS = time.Now().UnixNano()
	if u.firstNS == 0 {
		u.firstNS = u.sentNS
	}
}

// Accepted notes that WeChat took the credential: an HTTP 2xx answer whose
// errcode is 0 or absent. An answer that is neither that nor a rejection says
// nothing about the credential.
func (u *Use) Accepted() {
	u.cur.accepted(u.sentNS)
	if u.step != stepFirst {
		u.k.endCooldown()
	}
}
