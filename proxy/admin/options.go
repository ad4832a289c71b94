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

// Options says how to find out how things are. Every function is called from
// many goroutines at once and, except for Renew and Explain, must not block. If
// nil, it counts as returning nothing.
type Options struct {
	// Accounts returns the configured accounts.
	Accounts func() []Account
	// Statuses returns what is known of one account's credentials, the
	// access_token first.
	Statuses func(account string) []token.Status
	// Clients returns the configured clients.
	Clients func() []Client
	// Hosts returns the upstream hosts and the states of their breakers.
	Hosts func() []Host
	// Store returns the state of the credential store. If nil, it is memory.
	Store func() Store
	// Renew renews one credential now. It may block until ctx ends. If nil,
	// renewing is not offered.
	Renew func(ctx context.Context, account string, kind token.Kind) error
	// Explain asks WeChat what it knows about a rid and returns its answer, JSON
	// without secrets. It may block until ctx ends. If nil, explaining is not
	// offered.
	Explain func(ctx context.Context, account, rid string) ([]byte, error)
	// Quotas returns the daily quotas as WeChat last told them.
	Quotas func() []Quota
	// InFlight returns how many calls are under way.
	InFlight func() int
	// Draining reports whether the process is shutting down.
	Draining func() bool
	// Key is required for everything except /healthz, /readyz and /metrics. If
	// zero, no key is required, and only requests whose Host is an IP address or
	// localhost are served: a web page cannot reach this one by DNS rebinding.
	Key secret.Secret
	// Version, Revision and GoVersion tell what is running.
	Version, Revision, GoVersion string
	// Started is when the process began. If zero, the time of the call of New.
	Started time.Time
	// Now is the clock. If nil, time.Now.
	Now func() time.Time
	// Logger is told of wrong keys. If nil, nothing is logged.
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
	Rules    int      // how many allow and deny rules it has
	Rate     float64  // calls a second; 0: unlimited
}

// Host is one of WeChat's hosts.
type Host struct {
	Platform errcode.Platform
	Host     string
	State    string    // of its breaker: "closed", "half-open" or "open"
	Since    time.Time // when the breaker changed to State; zero: unknown
	Busy     int       // calls under way
	Idle     int       // connections that wait for a call
	Wanted   int       // as many as are to be ready
	Ahead    int       // connections made for that, since the start
}

// Store is where credentials are kept beside memory.
type Store struct {
	Name   string // "memory", "file", "redis"
	Shared bool   // with other replicas
	Up     bool
}

// Quota is how many calls of one path WeChat allows an account in a day. Each
// Account and Path is a metric: the caller bounds their number.
type Quota struct {
	Account, Path     string
	Limit, Used, Left int
}

// withDefaults fills in what is nil.
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
