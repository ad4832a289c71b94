package token

import (
	"errors"
	"fmt"
	"time"
)

// Status is what there is to say about one credential, without its value.
// Times are zero where the thing never happened.
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
	// LastRejectedAt and LastRejectedErrcode tell the last time WeChat refused it in a
	// call.
	LastRejectedAt      time.Time
	LastRejectedErrcode int
	// Refused reports that WeChat has refused the value that is held, in the last
	// call that told. While LastErr is set too, no successor can be had.
	Refused bool
	// CooldownUntil is the moment until which no refusal starts a renewal.
	CooldownUntil time.Time
	// ForcedLeft is what is left of the day's forced renewals, or of a legacy
	// token's bucket. -1: it has no such budget.
	ForcedLeft int
	// Rogue reports that somebody else seems to fetch this token too.
	Rogue bool
	// Renewals counts this process's successful fetches.
	Renewals uint64
}

// Errors that callers decide by.
var (
	// ErrBudget: no renewal is left in the budget, or the last one was under 30 s ago.
	ErrBudget = errors.New("no forced renewal left for now")
	// ErrUnknown: there is no such account, or no longer.
	ErrUnknown = errors.New("unknown account")
)

// Unavailable is the error of a credential that cannot be had now.
type Unavailable struct {
	Key        Key
	RetryAfter time.Duration // until the next try; at least a second
	Err        error         // holds an *errcode.Error where WeChat said why
}

func (e *Unavailable) Error() string { return fmt.Sprintf("no %s: %v", e.Key, e.Err) }

// Unwrap returns the reason.
func (e *Unavailable) Unwrap() error { return e.Err }
