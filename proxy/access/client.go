package access

import (
	"crypto/sha256"
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// ClientSpec is the configuration of a client.
type ClientSpec struct {
	// Name is used in logs and metrics. With mutual TLS it is also the common
	// name of the client's certificate. It has 1 to 63 bytes.
	Name string
	// KeySHA256 is the SHA-256 of the client's key. If zero, the client has only
	// a certificate.
	KeySHA256 [sha256.Size]byte
	// Accounts names the accounts it may use, its default first. If empty, it may
	// use all.
	Accounts []string
	// Allow and Deny are patterns, see [ParsePattern]. If Allow is empty, the
	// client may call everything that is not denied.
	Allow, Deny []string
	// Rate is the number of calls per second it may make; 0: no limit. Burst is
	// the number of calls at once; 0: those of one second, at least one.
	Rate  float64
	Burst int
}

// Shared returns the spec of the only client if all callers share one key. Its
// name is "default".
func Shared(key secret.Secret) ClientSpec {
	return ClientSpec{Name: "default", KeySHA256: sha256.Sum256([]byte(key.Reveal()))}
}

// Client is a program that calls the proxy. Only the state of its rate limiter
// changes.
type Client struct {
	// Name is "" if clients are anonymous.
	Name string

	key      [sha256.Size]byte // zero: none
	accounts []string
	allow    []Pattern
	deny     []Pattern
	limiter  *rate.Limiter // nil: no limit
}

// MayUse reports whether c may use the account with that name.
func (c *Client) MayUse(account string) bool {
	return len(c.accounts) == 0 || slices.Contains(c.accounts, account)
}

// DefaultAccount returns the name of the account for calls of c that name no
// account; "" if c has no default of its own.
func (c *Client) DefaultAccount() string {
	if len(c.accounts) == 0 {
		return ""
	}
	return c.accounts[0]
}

// Accounts returns the names of the accounts that c may use, its default first;
// empty if it may use all.
func (c *Client) Accounts() []string { return slices.Clone(c.accounts) }

// maxRetryAfter is the longest wait that [Client.Take] returns.
const maxRetryAfter = time.Hour

// Take takes one call from c's rate limit at now. If none is left, it takes
// nothing and returns how long to wait for the next one, at most an hour.
func (c *Client) Take(now time.Time) (retryAfter time.Duration, ok bool) {
	// Not Reserve and Cancel: reservations of concurrent callers would add up, and
	// a client that calls too often would get less than its rate.
	if c.limiter == nil || c.limiter.AllowN(now, 1) {
		return 0, true
	}
	wait := (1 - c.limiter.TokensAt(now)) / float64(c.limiter.Limit()) * float64(time.Second)
	return time.Duration(min(max(1, wait), float64(maxRetryAfter))), false
}

// newLimiter returns the limiter for spec: that of old, which may be nil, if
// the rate is the same.
func newLimiter(spec ClientSpec, old *Client) *rate.Limiter {
	if spec.Rate == 0 {
		return nil
	}
	limit, burst := rate.Limit(spec.Rate), spec.Burst
	if burst == 0 {
		burst = int(min(math.Ceil(spec.Rate), math.MaxInt32))
	}
	if old != nil && old.limiter != nil &&
		old.limiter.Limit() == limit && old.limiter.Burst() == burst {
		return old.limiter
	}
	return rate.NewLimiter(limit, burst)
}
