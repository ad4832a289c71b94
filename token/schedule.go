package token

import (
	"errors"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Schedule says when a credential is renewed ahead of time. It depends on what
// WeChat does when asked early.
type Schedule struct {
	// Window is how long before the end WeChat starts to give a successor
	// (WeChat docs: getStableAccessToken: the last 5 minutes for stable_token); asking earlier gets the
	// same value. Zero means that it gives one at any time.
	Window time.Duration
	// Ahead is how long before the end the renewal is due where Window is zero.
	Ahead time.Duration
	// Every, where positive, makes a renewal due that long after each fetch,
	// whatever expires_in said: it cannot be believed for tickets (observed).
	Every time.Duration
	// Exclusive says that every fetch gives a new value and ends the life of the
	// one before (the legacy token): there is no asking without renewing.
	Exclusive bool
}

// StableSchedule is the schedule of stable_token (WeChat docs: getStableAccessToken).
func StableSchedule() Schedule { return Schedule{Window: 5 * time.Minute} }

// LegacySchedule is the schedule of the legacy /cgi-bin/token (WeChat docs:
// getAccessToken).
func LegacySchedule() Schedule { return Schedule{Ahead: legacyAhead, Exclusive: true} }

// WeComSchedule is the schedule of a WeCom agent's token, which may be asked for again
// at any time (WeCom docs: document/path/91039).
func WeComSchedule() Schedule { return Schedule{Ahead: 10 * time.Minute} }

// TicketSchedule is the schedule of every ticket (observed: WeChat says 7200 of an old one too).
func TicketSchedule() Schedule { return Schedule{Every: 30 * time.Minute} }

const legacyAhead = 10 * time.Minute

// Next returns when a credential that was fetched at fetched and ends at end
// is to be renewed. jitter is in [0, 1) and spreads the renewals of several
// replicas over the first half of the window. The result is never after end.
func (s Schedule) Next(fetched, end time.Time, jitter float64) time.Time {
	left := end.Sub(fetched)
	half := fetched.Add(left / 2)
	if s.Every > 0 {
		if left < 2*s.Every {
			return half
		}
		return fetched.Add(s.Every - time.Duration(jitter*float64(s.Every/10)))
	}
	ahead := s.Ahead
	if s.Window > 0 {
		ahead = s.Window - time.Duration(jitter*float64(s.Window/2))
	}
	if left < 2*max(s.Window, s.Ahead) {
		return half
	}
	return end.Add(-ahead)
}

// The waits after a failed fetch. A network failure passes quickly; WeChat's "no"
// takes a person to change it.
const (
	failureWaitMin = time.Second
	failureWaitMax = time.Minute
	deniedWaitMin  = 30 * time.Second
	deniedWaitMax  = 10 * time.Minute
)

// backoff returns how long to wait after the n-th failure in a row (n ≥ 1).
// jitter in [0, 1) takes away up to a fifth, from the second failure on, so that
// replicas do not come back in step; after WeChat's "no" it takes nothing.
func backoff(n int, denied bool, jitter float64) time.Duration {
	if denied {
		return doubled(deniedWaitMin, deniedWaitMax, n)
	}
	d := doubled(failureWaitMin, failureWaitMax, n)
	if n > 1 {
		d -= time.Duration(jitter * float64(d) / 5)
	}
	return d
}

func doubled(first, most time.Duration, n int) time.Duration {
	d := first
	for range n - 1 {
		if d *= 2; d >= most {
			return most
		}
	}
	return d
}

// denied reports whether err is WeChat's "no", which asking again soon will
// not change.
func denied(err error) bool {
	var e *errcode.Error
	if !errors.As(err, &e) {
		return false
	}
	v := errcode.Classify(e.Platform, e.Endpoint, e.Code)
	return v == errcode.Denied || v == errcode.Limited
}

// wallClock is the time without the monotonic reading: a credential ends by the
// wall clock, and a machine that slept must notice that it has passed.
func wallClock() time.Time { return time.Now().Round(0) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
