package admin

import (
	"slices"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// health is how an account is, in a word.
type health string

const (
	healthDown     health = "down"     // its calls fail
	healthStarting health = "starting" // it has no token yet, and nothing has failed so far
	healthWarning  health = "warning"  // its calls work, but something needs attention
	healthOK       health = "ok"
)

// rank orders the healths, the worst first.
func (h health) rank() int {
	return slices.Index([]health{healthDown, healthWarning, healthStarting, healthOK}, h)
}

// healthOf judges an account by the statuses of its credentials.
func healthOf(statuses []token.Status, now time.Time) health {
	h := healthStarting
	for _, s := range statuses {
		if s.Key.Kind != token.AccessToken {
			continue
		}
		switch {
		case usable(s):
			h = healthOK
		case s.State == token.Expired, s.LastErr != nil:
			return healthDown
		}
	}
	for _, s := range statuses {
		if h == healthOK && needsAttention(s, now) {
			h = healthWarning
		}
	}
	return h
}

// usable reports whether calls can be made with a credential: it has not
// expired, and WeChat accepts it, or may give out another.
func usable(s token.Status) bool {
	return (s.State == token.Fresh || s.State == token.Stale) && !rejectedForGood(s)
}

// rejectedForGood reports whether WeChat rejects the credential, and gives out
// no other.
func rejectedForGood(s token.Status) bool { return s.Rejected && s.LastErr != nil }

// fewForced is how few forced renewals left are worth a warning.
const fewForced = 4

func needsAttention(s token.Status, now time.Time) bool {
	return s.LastErr != nil || s.Rejected || s.Rogue || s.State == token.Expired || now.Before(s.CooldownUntil) ||
		s.ForcedLeft >= 0 && s.ForcedLeft <= fewForced
}

// accessToken returns the status of an account's access_token.
func accessToken(statuses []token.Status) token.Status {
	for _, s := range statuses {
		if s.Key.Kind == token.AccessToken {
			return s
		}
	}
	return token.Status{State: token.Empty, ForcedLeft: -1}
}
