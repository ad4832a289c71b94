package admin

import (
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// health is how an account is, in one word.
type health string

const (
	healthDown     health = "down"     // no call of its can be made
	healthStarting health = "starting" // it has no token yet, and nothing went wrong so far
	healthWarning  health = "warning"  // calls work, but something wants attention
	healthOK       health = "ok"
)

// rank orders the healths, those that need somebody first.
func (h health) rank() int {
	switch h {
	case healthDown:
		return 0
	case healthWarning:
		return 1
	case healthStarting:
		return 2
	default:
		return 3
	}
}

// forcedLow is how few forced renewals left are worth a warning.
const forcedLow = 4

// healthOf judges an account by the statuses of its credentials.
func healthOf(statuses []token.Status, now time.Time) health {
	h := healthStarting
	for _, s := range statuses {
		if s.Key.Kind != token.AccessToken {
			continue
		}
		switch {
		case live(s):
			h = healthOK
		case s.State == token.Expired, s.LastErr != nil:
			return healthDown
		}
	}
	for _, s := range statuses {
		if h == healthOK && wantsAttention(s, now) {
			h = healthWarning
		}
	}
	return h
}

// live reports whether calls can be made with a credential: it has not ended,
// and WeChat takes it, or may give another.
func live(s token.Status) bool {
	return (s.State == token.Fresh || s.State == token.Stale) && !refusedForGood(s)
}

// refusedForGood reports that WeChat refuses what is held, and that no other
// can be had.
func refusedForGood(s token.Status) bool { return s.Rejected && s.LastErr != nil }

func wantsAttention(s token.Status, now time.Time) bool {
	return s.LastErr != nil || s.Rejected || s.Rogue || s.State == token.Expired || now.Before(s.CooldownUntil) ||
		s.ForcedLeft >= 0 && s.ForcedLeft <= forcedLow
}

// tokenOf returns the status of an account's access_token.
func tokenOf(statuses []token.Status) token.Status {
	for _, s := range statuses {
		if s.Key.Kind == token.AccessToken {
			return s
		}
	}
	return token.Status{State: token.Empty, ForcedLeft: -1}
}
