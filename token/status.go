package token

import (
	"errors"
	"fmt"
	"time"
)

// State is where a credential is in its life.
type State string

// The states.
const (
	Empty   State = "empty"   // never fetched: callers wait
	Fresh   State = "fresh"   // served
	Stale   State = "stale"   // served, while a successor is fetched in the background
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

// Status describes one credential, without its value. Times are zero for what never
// happened.
type Status struct {
	Key         Key
	State       State
	ExpiresAt   time.Time
	RenewAt     time.Time
	FetchedAt   time.Time
	FirstSeenAt time.Time
	// LastErr is the last fetch's error; nil after a success.
	LastErr   error
	LastErrAt time.Time
	// NextTryAt is when a failed fetch is tried again.
	NextTryAt time.Time
	// LastRejectedAt and LastRejectedErrcode say when WeChat last rejected it in a
	// call, and how.
	LastRejectedAt      time.Time
	LastRejectedErrcode int
	// Rejected reports that WeChat rejected the held value, and has not accepted it
	// since. If LastErr is set too, no successor can be fetched.
	Rejected bool
	// CooldownUntil is the time until which no rejection starts a renewal.
	CooldownUntil time.Time
	// ForcedLeft is how many renewals are left in the budget: the day's forced ones,
	// or a legacy token's bucket. -1: renewals of this credential are not budgeted.
	ForcedLeft int
	// Rogue reports that somebody else seems to fetch this token too.
	Rogue bool
	// Renewals counts this process's successful fetches.
	Renewals uint64
}

// Errors that callers check for.
var (
	// ErrBudget: no renewal is left in the budget, or the last one was under 30 s ago.
	ErrBudget = errors.New("no forced renewal left for now")
	// ErrUnknown: there is no such account, or no longer.
	ErrUnknown = errors.New("unknown account")
)

// Unavailable is the error when no live credential can be given out now.
type Unavailable struct {
	Key        Key
	RetryAfter time.Duration // until the next try; at least a second
	Err        error         // holds an *errcode.Error where WeChat said why
}

func (e *Unavailable) Error() string { return fmt.Sprintf("no %s: %v", e.Key, e.Err) }

// Unwrap returns Err.
func (e *Unavailable) Unwrap() error { return e.Err }
