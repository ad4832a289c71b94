package admin

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Options says whom to ask. Every function may be called from many goroutines
// at once and must not block; one that is nil counts as having nothing to say.
type Options struct {
	// Accounts returns the configured accounts.
	Accounts func() []Account
	// Statuses returns what is known of one account's credentials, the token
	// first.
	Statuses func(account string) []token.Status
	// Clients returns the configured clients.
	Clients func() []Client
	// Hosts returns the upstream hosts and how their breakers stand.
	Hosts func() []Host
	// Store returns how the credential store is.
	Store func() Store
	// Renew has one credential renewed at once. It may block as long as ctx
	// lasts. If nil, renewing is not offered.
	Renew func(ctx context.Context, account string, kind token.Kind) error
	// Explain asks WeChat what it knows of a rid and returns its answer, JSON
	// from which every secret was taken. If nil, explaining is not offered.
	Explain func(ctx context.Context, account, rid string) ([]byte, error)
	// Quotas returns what WeChat last said of the quotas it was asked about. If
	// nil, it was not asked.
	Quotas func() []Quota
	// InFlight returns how many calls are under way.
	InFlight func() int
	// Draining reports whether the process is on its way out.
	Draining func() bool
	// Key is wanted for everything but /healthz, /readyz and /metrics. If zero,
	// none is: then only requests for an IP address or localhost are answered, so
	// that no web page can reach this one under a name of its own.
	Key secret.Secret
	// Version, Revision and GoVersion tell what is running.
	Version, Revision, GoVersion string
	// Started is when the process began. If zero, when New was called.
	Started time.Time
	// Now is the clock. If nil, time.Now.
	Now func() time.Time
	// Logger is told who was turned away. If nil, nobody is.
	Logger *slog.Logger
}

// Account is one set of WeChat credentials.
type Account struct {
	Name string
	ID   string // the appid, or the corpid
	Kind string // "official", "wecom", …
	// Platform decides what an errcode means. If empty, errcode.MP.
	Platform errcode.Platform
	TokenAPI string // "stable", "legacy", or empty
	// Default marks the account of calls that name none.
	Default bool
}

// Client is a program that may call the proxy.
type Client struct {
	Name     string
	Accounts []string // it may use; empty: all
	Rules    int      // allow and deny rules of its own
	Rate     float64  // calls a second; 0: unlimited
}

// Host is one of WeChat's hosts.
type Host struct {
	Platform errcode.Platform
	Host     string
	State    string    // of its breaker: "closed", "half-open" or "open"
	Since    time.Time // when it came into that state; zero: unknown
}

// Store is where credentials are kept besides memory.
type Store struct {
	Name   string // "memory", "file", "redis"
	Shared bool   // with other replicas
	Up     bool
}

// Quota is what WeChat said of a day's calls of one path.
type Quota struct {
	Account, Path     string // a path that WeChat knows; the caller bounds their number
	Limit, Used, Left int
}

// withDefaults fills in what is nil, so that nobody else has to ask.
func (o Options) withDefaults() Options {
	if o.Accounts == nil {
		o.Accounts = func() []Account { return nil }
	}
	if o.Statuses == nil {
		o.Statuses = func(string) []token.Status { return nil }
	}
	if o.Clients == nil {
		o.Clients = func() []Client { return nil }
	}
	if o.Hosts == nil {
		o.Hosts = func() []Host { return nil }
	}
	if o.Store == nil {
		o.Store = func() Store { return Store{Name: "memory", Up: true} }
	}
	if o.Quotas == nil {
		o.Quotas = func() []Quota { return nil }
	}
	if o.InFlight == nil {
		o.InFlight = func() int { return 0 }
	}
	if o.Draining == nil {
		o.Draining = func() bool { return false }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Started.IsZero() {
		o.Started = o.Now()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return o
}
