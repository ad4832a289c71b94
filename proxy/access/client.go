package access

import (
	"crypto/sha256"
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// ClientSpec is what the operator says about a client.
type ClientSpec struct {
	// Name is shown in logs and metrics, and is the common name of the client's
	// certificate where there is mutual TLS. At most 63 bytes, never empty.
	Name string
	// KeySHA256 is the SHA-256 of the client's key. Zero: it has none, and is
	// known by its certificate alone.
	KeySHA256 [sha256.Size]byte
	// Accounts are the names of those it may use, its default first; none: all.
	Accounts []string
	// Allow and Deny are patterns, see [ParsePattern]. Without Allow it may call
	// everything that is not denied.
	Allow, Deny []string
	// Rate is how many calls a second it may make; 0: any number. Burst is how
	// many at once; 0: as many as in a second, at least one.
	Rate  float64
	Burst int
}

// Shared returns the spec of the one client there is where all share a key. Its
// name is "default".
func Shared(key secret.Secret) ClientSpec {
	return ClientSpec{Name: "default", KeySHA256: sha256.Sum256([]byte(key.Reveal()))}
}

// Client is a program that calls the proxy. It never changes, but for what its
// rate has left.
type Client struct {
	// Name is "" where clients are anonymous.
	Name string

	key      [sha256.Size]byte // zero: none
	accounts []string
	allow    []Pattern
	deny     []Pattern
	limiter  *rate.Limiter // nil: no limit
}

// MayUse reports whether c may use the account of that name.
func (c *Client) MayUse(account string) bool {
	return len(c.accounts) == 0 || slices.Contains(c.accounts, account)
}

// DefaultAccount returns the name of the account that serves c's calls that
// name none; "": it has none of its own.
func (c *Client) DefaultAccount() string {
	if len(c.accounts) == 0 {
		return ""
	}
	return c.accounts[0]
}

// Accounts returns the names of the accounts c may use, its default first;
// none: all.
func (c *Client) Accounts() []string { return slices.Clone(c.accounts) }

// maxRetryAfter bounds what [Client.Take] answers.
const maxRetryAfter = time.Hour

// Take takes one call out of c's rate at now. Where none is left it takes
// nothing, and says how long to wait for one, an hour at most.
func (c *Client) Take(now time.Time) (retryAfter time.Duration, ok bool) {
	// Not Reserve and Cancel: refused callers that overlap would leave a debt,
	// and a client that hammers would get less than its rate.
	if c.limiter == nil || c.limiter.AllowN(now, 1) {
		return 0, true
	}
	wait := (1 - c.limiter.TokensAt(now)) / float64(c.limiter.Limit()) * float64(time.Second)
	return time.Duration(min(max(1, wait), float64(maxRetryAfter))), false
}

// limiterOf returns the limiter that spec asks for: before's own, with what it
// has left, where it is the same.
func limiterOf(spec ClientSpec, before *Client) *rate.Limiter {
	if spec.Rate == 0 {
		return nil
	}
	limit, burst := rate.Limit(spec.Rate), spec.Burst
	if burst == 0 {
		burst = int(min(math.Ceil(spec.Rate), math.MaxInt32))
	}
	if before != nil && before.limiter != nil &&
		before.limiter.Limit() == limit && before.limiter.Burst() == burst {
		return before.limiter
	}
	return rate.NewLimiter(limit, burst)
}
