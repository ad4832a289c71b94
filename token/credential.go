package token

import (
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// Kind says what a credential is. The text is used in store keys, logs and
// metrics.
type Kind string

// The kinds of credential. A ticket's kind is the type WeChat calls it by,
// save "sdk", which is type=2 on the wire (WeChat docs: getTicket).
const (
	AccessToken Kind = "access_token"
	JSAPI       Kind = "jsapi"
	WXCard      Kind = "wx_card"
	SDK         Kind = "sdk"
	AgentConfig Kind = "agent_config" // WeCom agent ticket
)

// Kinds lists every kind, the token first.
func Kinds() []Kind { return []Kind{AccessToken, JSAPI, WXCard, SDK, AgentConfig} }

// Key names one credential of one account. It never holds a secret.
type Key struct {
	Account string
	Kind    Kind
}

// String returns "account/kind", as errors, logs and metrics show it.
func (k Key) String() string { return k.Account + "/" + string(k.Kind) }

// Credential is a token or ticket with its end. It is immutable.
type Credential struct {
	Value secret.Secret
	// Gen orders the credentials of one key across all replicas: newer is
	// greater. It is when the fetch was sent, as Unix time in microseconds, or one
	// more than the generation it replaces, whichever is greater.
	Gen uint64
	// FetchedAt is when its fetch was sent, by the wall clock.
	FetchedAt time.Time
	// FirstSeenAt is when the first fetch that returned this value was sent.
	FirstSeenAt time.Time
	// ExpiresIn is WeChat's expires_in. A ticket's counts from FirstSeenAt.
	ExpiresIn time.Duration
	// ExpiresAt is its end, by the wall clock.
	ExpiresAt time.Time
}

// IsZero reports whether c is no credential at all.
func (c Credential) IsZero() bool { return c.Value.IsZero() }

// Live reports whether c may still be sent at now.
func (c Credential) Live(now time.Time) bool { return !c.IsZero() && now.Before(c.ExpiresAt) }

// Left returns how long c lives on after now; never negative.
func (c Credential) Left(now time.Time) time.Duration { return max(0, c.ExpiresAt.Sub(now)) }
