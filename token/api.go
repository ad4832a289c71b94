package token

import (
	"context"
	"time"
)

// This file is the contract that proxy/, main and token/source build on while
// the Manager is written.

// Status is what there is to say about one credential, without its value.
type Status struct {
	Key         Key
	State       State
	ExpiresAt   time.Time
	RenewAt     time.Time
	FetchedAt   time.Time
	FirstSeenAt time.Time
	// LastErr is the last failed fetch's error; nil after a success.
	LastErr   error
	LastErrAt time.Time
	// NextTryAt is when a failed fetch is tried again.
	NextTryAt time.Time
	// LastRefusedAt, LastRefusedCode: the last time WeChat refused it in a call.
	LastRefusedAt   time.Time
	LastRefusedCode int
	// QuietUntil: until then no refusal starts a renewal.
	QuietUntil time.Time
	// ForcedLeft is what is left of today's forced renewals (or, for a legacy
	// token, of the bucket of renewals on refusal). -1: has no such budget.
	ForcedLeft int
	// Rogue reports that somebody else seems to fetch this token.
	Rogue bool
	// Renewals counts the successful fetches of this process.
	Renewals uint64
}

// State is where a credential is in its life.
type State string

// The states.
const (
	Empty   State = "empty"
	Fresh   State = "fresh"
	Stale   State = "stale"
	Expired State = "expired"
)

// Unavailable is the error of a credential that cannot be had.
type Unavailable struct {
	Key        Key
	RetryAfter time.Duration // when it is tried again
	Err        error         // an *errcode.Error inside where WeChat said why
}

func (e *Unavailable) Error() string { return "no " + e.Key.String() + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *Unavailable) Unwrap() error { return e.Err }

// keeperContract is the method set proxy/ uses of *Keeper.
type keeperContract interface {
	// Get returns a live credential: from memory while one is fresh or stale,
	// else it waits for the fetch in flight, as long as ctx lasts. Its error is
	// ctx's or an *Unavailable.
	Get(ctx context.Context) (Credential, error)
	// Use begins a call that needs the credential: see Use.
	Use(ctx context.Context) (Use, error)
	// Renew is the operator's: asks WeChat now, forced where the held one is
	// alive and the source knows that mode.
	Renew(ctx context.Context) (Credential, error)
	Status() Status
	Key() Key
}
