package wechattest

import "time"

const (
	// overlap is how long a token of /cgi-bin/token outlives its successor's
	// birth (WeChat docs: "Get access_token").
	overlap = 5 * time.Minute
	// forceGap and forcePerDay limit force_refresh (WeChat docs: "Get stable
	// access_token").
	forceGap    = 30 * time.Second
	forcePerDay = 20
)

// grant is one token that was given out.
type grant struct {
	value  string
	owner  *account
	openid string // of a user's token; "" for an account's
	ends   time.Time
	late   int // errcode from ends on: 42001 if it aged, 40001 or 40014 if it was replaced
	refuse int // errcode already before; 0 none
}

// verdict is the errcode for a call with g; 0 is welcome.
func (g *grant) verdict(now time.Time) int {
	if !now.Before(g.ends) {
		return g.late
	}
	return g.refuse
}

// kill ends g after d at the latest.
func (g *grant) kill(now time.Time, d time.Duration, code int) {
	if g == nil || !g.ends.After(now.Add(d)) {
		return
	}
	g.ends, g.late = now.Add(d), code
}

// line is the succession of one account's tokens from one endpoint.
type line struct {
	now, before *grant // the current one and its predecessor
}

// push makes g the current token.
func (l *line) push(g *grant) { l.before, l.now = l.now, g }

// kill ends all of the line, so that the next fetch begins anew.
func (l *line) kill(now time.Time, code int) {
	l.now.kill(now, 0, code)
	l.before.kill(now, 0, code)
	*l = line{}
}

// retire prepares a line of /cgi-bin/token for a successor: the current token
// has d more to live, the one before it nothing.
func (l *line) retire(now time.Time, d time.Duration, code int) {
	l.before.kill(now, 0, code)
	l.now.kill(now, d, code)
}

// keeps reports whether a fetch in normal mode gives the current token again:
// one that has at least window left.
func (l *line) keeps(now time.Time, window time.Duration) bool {
	return l.now != nil && l.now.ends.Sub(now) >= window
}

// stableWindow is the end of a stable token's life in which a successor is
// given: five minutes, or half of a life too short for that.
func stableWindow(life time.Duration) time.Duration { return min(5*time.Minute, life/2) }

// budget counts forced renewals.
type budget struct {
	last  time.Time
	day   string
	spent int
}

// take reports whether another one is granted at now, and spends it.
func (b *budget) take(now time.Time) bool {
	if d := day(now); d != b.day {
		b.day, b.spent = d, 0
	}
	if b.spent >= forcePerDay || !b.last.IsZero() && now.Sub(b.last) < forceGap {
		return false
	}
	b.last = now
	b.spent++
	return true
}
