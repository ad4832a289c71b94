package token

import (
	"context"
	"errors"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// Source gets a credential from WeChat. Implementations live in token/source.
//
// Fetch is called with a context that ends with the Manager or after
// [Options.FetchTimeout]; never with a caller's. It must return an error
// rather than an empty value or an impossible expires_in. If WeChat answers with
// an errcode, the error is or wraps an *errcode.Error, so that the Manager can
// tell WeChat's "no" from a failure.
type Source interface {
	Fetch(ctx context.Context, r FetchRequest) (Fetched, error)
}

// FetchRequest says how to ask. The zero value asks in normal mode.
type FetchRequest struct {
	// Force asks for a successor even where the source would give the present
	// value again (stable_token's force_refresh). Sources that have no such mode
	// ignore it.
	Force bool
}

// Fetched is what a Source returns.
type Fetched struct {
	Value secret.Secret
	// ExpiresIn is WeChat's expires_in, positive and at most 31 days. The Manager
	// counts it from just before Fetch was called.
	ExpiresIn time.Duration
}

// check rejects what cannot be a credential, whatever the source says.
func (g Fetched) check() error {
	switch {
	case g.Value.IsZero():
		return errors.New("the answer has no value")
	case g.ExpiresIn <= 0 || g.ExpiresIn > 31*24*time.Hour:
		return errors.New("the answer has an impossible expires_in")
	}
	return nil
}

// SourceFunc is a function as a Source.
type SourceFunc func(ctx context.Context, r FetchRequest) (Fetched, error)

// Fetch calls f.
func (f SourceFunc) Fetch(ctx context.Context, r FetchRequest) (Fetched, error) { return f(ctx, r) }
