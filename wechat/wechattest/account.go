package wechattest

import (
	"strconv"
	"time"
)

// Account is one set of credentials that the server knows.
type Account struct {
	// AppID is the appid, or the corpid of a WeCom account.
	AppID string
	// Secret is the AppSecret, or the agent's secret.
	Secret string
	// WeCom says that it is an agent of WeCom's. Several may share a corpid.
	WeCom bool
	// AgentID is the WeCom agent's number. A message for another one is
	// refused; 0: any is accepted.
	AgentID int
}

// account is an Account and what the server remembers of it.
type account struct {
	Account
	frozen bool

	stable line // stable_token
	legacy line // token
	agent  line // gettoken
	forced budget

	tickets    map[string]ticket
	ticketHour int64 // WeCom counts ticket fetches by the hour
	ticketUsed int

	refuseAll int     // errcode for every token; 0 none
	share     float64 // of the calls with good tokens that are refused
	owed      float64

	clearMonth string // clear_quota
	clearUsed  int
}

// goesBy reports whether id means this account: its appid, or corpid/agentid.
func (a *account) goesBy(id string) bool {
	return id == a.AppID || a.WeCom && id == a.AppID+"/"+strconv.Itoa(a.AgentID)
}

// lines are all that may hold a token of this account.
func (a *account) lines() []*line { return []*line{&a.stable, &a.legacy, &a.agent} }

// staleCode is what WeChat says to a token that was replaced.
func (a *account) staleCode() int {
	if a.WeCom {
		return 40014
	}
	return 40001
}

// spurious decides whether the next call with a good token is refused all the
// same: an even share, the same sequence each time.
func (a *account) spurious() bool {
	a.owed += a.share
	if a.share == 0 || a.owed < 1 {
		return false
	}
	a.owed--
	return true
}

// ticket is a jsapi_ticket or one of its siblings.
type ticket struct {
	value string
	ends  time.Time
}

// logins are WeCom's failed fetches of tokens, from one address.
type logins struct {
	hour    int64
	failed  int
	blocked time.Time // until then nobody gets in
}

// maxFailed is how many of them in an hour block the address for an hour (said
// by WeCom's staff).
const maxFailed = 2000

// fail counts one.
func (l *logins) fail(now time.Time) {
	if h := hour(now); h != l.hour {
		l.hour, l.failed = h, 0
	}
	if l.failed++; l.failed >= maxFailed {
		l.failed, l.blocked = 0, now.Add(time.Hour)
	}
}
