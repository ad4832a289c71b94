package token

import (
	"context"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// Source gets a credential from WeChat. Implementations live in token/source.
//
// Fetch is called with a context that ends with the Manager or after
// [Options.FetchTimeout]; never with a caller's. It must return an error
// rather than an empty value or an expires_in that cannot be believed. An
// answer of WeChat's that is not a credential is returned as an
// *errcode.Error (wrapped or not), so that the Manager can tell a "no" from
// trouble.
type Source interface {
	Fetch(ctx context.Context, r FetchRequest) (Fetched, error)
}

// FetchRequest says how to ask.
type FetchRequest struct {
	// Force asks for a successor even where the source would give the present
	// value again (stable_token's force_refresh). Sources that have no such mode
	// ignore it.
	Force bool
}

// Fetched is what a Source brought.
type Fetched struct {
	Value secret.Secret
	// ExpiresIn is WeChat's expires_in. The Manager counts it from the moment
	// before Fetch was called.
	ExpiresIn time.Duration
}

// SourceFunc makes a Source of a function.
type SourceFunc func(ctx context.Context, r FetchRequest) (Fetched, error)

// Fetch calls f.
func (f SourceFunc) Fetch(ctx context.Context, r FetchRequest) (Fetched, error) { return f(ctx, r) }
