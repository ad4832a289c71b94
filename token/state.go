package token

import "time"

// State is where a credential is in its life.
type State string

// The states.
const (
	Empty   State = "empty"   // none was ever had: callers wait
	Fresh   State = "fresh"   // served
	Stale   State = "stale"   // served, while a successor is fetched behind
	Expired State = "expired" // never served: callers wait
)

// StateAt returns the state of c at now, if its renewal is due at renewAt.
func StateAt(c Credential, renewAt, now time.Time) State {
	switch {
	case c.IsZero():
		return Empty
	case !now.Before(c.ExpiresAt):
		return Expired
	case !now.Before(renewAt):
		return Stale
	default:
		return Fresh
	}
}
