package stats

import (
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Call is one finished call of a client's.
type Call struct {
	At       time.Time // when it was finished; zero: now
	Client   string    // its name; empty: anonymous
	Account  string    // its name; empty: none, the call was refused before one was chosen
	Platform errcode.Platform
	Method   string
	// Class names the kind of path, one of a bounded set.
	Class string
	// Path is the decoded path. It is shown in the list of failed calls and
	// nowhere else; at most 200 bytes are kept.
	Path   string
	Status int // of the answer to the client
	// Errcode is WeChat's; 0 is none.
	Errcode int
	RID     string // WeChat's name for the call
	Host    string // that answered; empty: none was asked
	Took    time.Duration
	// Upstream is the part of Took that WeChat took, Wait the part spent waiting
	// for a credential.
	Upstream, Wait time.Duration
	Attempts       int  // requests sent to WeChat
	Renewed        bool // the token was rejected and the call repeated
	// BytesIn and BytesOut count bodies, from the client and to it.
	BytesIn, BytesOut int64
	ID                string // X-Request-Id
	Err               string // in words; never a secret
}

// failed reports whether the client did not get what it asked for, whoever is
// to blame.
func (c *Call) failed() bool { return c.Status >= 400 || c.Errcode != 0 || c.Err != "" }

// fault reports whether it failed through no fault of the caller's: a 5xx, or
// WeChat rejected our token. /sns/* is called with the user's token, and that
// one ends all the time.
func (c *Call) fault() bool {
	endpoint := errcode.API
	if strings.HasPrefix(c.Class, "sns") {
		endpoint = errcode.User
	}
	return c.Status >= 500 || errcode.Classify(c.Platform, endpoint, c.Errcode) == errcode.Renew
}

// overhead is the proxy's own share of the call.
func (c *Call) overhead() time.Duration { return max(0, c.Took-c.Upstream) }
