package config

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// Config is what the operator said, checked and with all defaults filled in. It
// is never changed.
type Config struct {
	Accounts       []Account // at least one; that of the environment first
	DefaultAccount string    // "default" when WECHAT_APP_ID is set, else ""
	Clients        []Client  // nil: the config file names none
	Deny           []string  // patterns nobody may call; never nil, perhaps empty

	// Base URLs in order of preference, at least one each, without a slash at
	// the end.
	Upstreams, WeComUpstreams []string

	Listen, AdminListen string        // host:port
	ClientKey           secret.Secret // zero: there is none
	AllowAnonymous      bool          // callers need no key, if there are no clients and no ClientKey
	AdminKey            secret.Secret // zero: there is none, and AdminListen is loopback
	TLS                 TLS

	Store       Store
	StoreKey    secret.Secret // 32 raw bytes that seal what the store holds; zero: it is not sealed
	StoreKeyOld secret.Secret // 32 raw bytes that open what was sealed before; zero: there are none

	Disclosure  string // DisclosePlaceholder or DiscloseReal
	ErrorStatus string // StatusHTTP or StatusOK

	MaxBody         int64         // bytes
	UpstreamTimeout time.Duration // all durations are above zero
	BreakerOpenFor  time.Duration
	ShutdownGrace   time.Duration

	QuotaEvery time.Duration // 0: never; else a minute at least

	JSSDKHosts []string // in lower case, perhaps with "*." before; empty: any

	LogLevel  slog.Level
	LogFormat string // LogAuto, LogText or LogJSON

	ConfigFile string // "": there is none

	reload func() (*Config, []string, error)
	// Behind a pointer, for fmt would print it.
	read *sums
}

// What the emulated token endpoints answer.
const (
	DisclosePlaceholder = "placeholder"
	DiscloseReal        = "real"
)

// The HTTP status of answers of the proxy's own.
const (
	StatusHTTP = "http" // the one that fits
	StatusOK   = "ok"   // always 200
)

// The forms of a log.
const (
	LogAuto = "auto" // coloured on a terminal, JSON elsewhere
	LogText = "text"
	LogJSON = "json"
)

// Reload reads everything again: the config file, and the files that hold
// secrets. The Config it is called on is left as it is; so when the new version
// is bad, which the error, [Problems], says, there is one to go on with.
func (c *Config) Reload() (*Config, []string, error) { return c.reload() }

// Files returns the names of all files that c was read from, sorted.
func (c *Config) Files() []string { return slices.Sorted(maps.Keys(*c.read)) }
