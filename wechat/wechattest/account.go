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
	// WeCom marks a WeCom agent. Several agents may share a corpid.
	WeCom bool
	// AgentID is the WeCom agent's number. Messages for any other number are
	// answered 40056; 0 accepts every number.
	AgentID int
}

// account is an Account and its state.
type account struct {
	Account
	frozen bool

	stable tokenHistory // of stable_token
	legacy tokenHistory // of token
	agent  tokenHistory // of gettoken
	forced forceBudget

	tickets    map[string]ticket // by type
	ticketHour int64             // WeCom limits ticket fetches by the hour
	ticketUsed int

	rejectAll     int     // errcode for every token; 0: none
	spuriousShare float64 // of the calls with good tokens, rejected all the same
	spuriousDebt  float64 // what is left of that share to hand out

	clearMonth string // clear_quota
	clearUsed  int
}

// matches reports whether id means this account: its appid or corpid, or
// corpid/agentid.
func (a *account) matches(id string) bool {
	return id == a.AppID || a.WeCom && id == a.AppID+"/"+strconv.Itoa(a.AgentID)
}

// histories returns everything that may hold a token of the account.
func (a *account) histories() []*tokenHistory {
	return []*tokenHistory{&a.stable, &a.legacy, &a.agent}
}

// replacedCode is the errcode for a token that was replaced by a newer one.
func (a *account) replacedCode() int {
	if a.WeCom {
		return 40014
	}
	return 40001
}

// spurious reports whether the next call with a good token is rejected all the
// same. The rejections are spread evenly, the same way each time.
func (a *account) spurious() bool {
	a.spuriousDebt += a.spuriousShare
	if a.spuriousShare == 0 || a.spuriousDebt < 1 {
		return false
	}
	a.spuriousDebt--
	return true
}

// ticket is a jsapi_ticket or a ticket of another type.
type ticket struct {
	value string
	ends  time.Time
}

const (
	// overlap is how long a token of /cgi-bin/token stays valid after the next
	// one was fetched (WeChat docs: "Get access_token").
	overlap = 5 * time.Minute
	// forceGap and forcePerDay limit force_refresh (WeChat docs: "Get stable
	// access_token").
	forceGap    = 30 * time.Second
	forcePerDay = 20
)

// issuedToken is an access_token that was given out.
type issuedToken struct {
	value  string
	owner  *account
	openid string // of a user's token; "" for an account's
	ends   time.Time
	// endCode is the errcode from ends on: 42001 if the token expired, 40001 or
	// 40014 if it was replaced.
	endCode int
	// rejectCode is the errcode before ends; 0: the token works.
	rejectCode int
}

// errcode returns the errcode for a call with the token, 0 if it works.
func (g *issuedToken) errcode(now time.Time) int {
	if !now.Before(g.ends) {
		return g.endCode
	}
	return g.rejectCode
}

// endBy makes the token end at the given time with code, unless it ends
// earlier. A nil token is left alone.
func (g *issuedToken) endBy(t time.Time, code int) {
	if g == nil || !g.ends.After(t) {
		return
	}
	g.ends, g.endCode = t, code
}

// tokenHistory is the last two tokens of an account from one endpoint.
type tokenHistory struct {
	current, previous *issuedToken
}

// push makes g the current token.
func (h *tokenHistory) push(g *issuedToken) { h.previous, h.current = h.current, g }

// end ends both tokens, so that the next fetch gives a new one.
func (h *tokenHistory) end(now time.Time, code int) {
	h.current.endBy(now, code)
	h.previous.endBy(now, code)
	*h = tokenHistory{}
}

// replace ends the previous token at once and the current one after d, before
// a new one is pushed.
func (h *tokenHistory) replace(now time.Time, d time.Duration, code int) {
	h.previous.endBy(now, code)
	h.current.endBy(now.Add(d), code)
}

// reuses reports whether a fetch in normal mode gives the current token again:
// it does while at least window is left of the token's life.
func (h *tokenHistory) reuses(now time.Time, window time.Duration) bool {
	return h.current != nil && h.current.ends.Sub(now) >= window
}

// stableWindow is the last part of a stable token's life, in which a fetch
// gives a new one: five minutes, or half of a very short life.
func stableWindow(life time.Duration) time.Duration { return min(5*time.Minute, life/2) }

// forceBudget counts forced renewals.
type forceBudget struct {
	last time.Time
	day  string
	used int
}

// take reports whether a forced renewal is granted at now, and counts it.
func (b *forceBudget) take(now time.Time) bool {
	if d := day(now); d != b.day {
		b.day, b.used = d, 0
	}
	if b.used >= forcePerDay || !b.last.IsZero() && now.Sub(b.last) < forceGap {
		return false
	}
	b.last = now
	b.used++
	return true
}

// failedLogins counts failed fetches of WeCom tokens.
type failedLogins struct {
	hour         int64
	count        int
	blockedUntil time.Time // no fetch succeeds before
}

// maxFailedLogins is how many of them within an hour block the caller's address
// for an hour (WeCom staff, in the developer forum).
const maxFailedLogins = 2000

// add counts one.
func (l *failedLogins) add(now time.Time) {
	if h := hour(now); h != l.hour {
		l.hour, l.count = h, 0
	}
	if l.count++; l.count >= maxFailedLogins {
		l.count, l.blockedUntil = 0, now.Add(time.Hour)
	}
}
