// Package config reads and checks the operator's settings: environment
// variables, a YAML file with accounts and clients, and files that hold secrets.
//
// [Load] reads all of them and returns either a complete [Config] with nothing
// left to check, or [Problems], the list of everything that is wrong. A Config
// never changes: [Config.Reload] makes a new one, and [Config.Watch] tells when
// to do that.
//
// Settings from the environment:
//
//	config.go      Config, the result
//	environ.go     the environment as a value
//	load.go        Load: reads everything and checks what depends on each other
//	variables.go   the list of variables, their help, and misspelt names
//	values.go      the value of one variable: secret, choice, size, duration, list
//	address.go     listen addresses, upstream URLs, URLs without their passwords
//	store.go       the token store and its keys
//	tls.go         the TLS files
//
// The config file:
//
//	configfile.go  PROXY_CONFIG_FILE as a whole
//	document.go    YAML read value by value, so that every problem has its line
//	account.go     an entry of accounts
//	client.go      an entry of clients
//	rules.go       allow and deny patterns, rates
//
// For both:
//
//	problem.go     what is wrong, in words
//	read.go        reading files, with limits
//	watch.go       noticing that a file has changed
package config

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// Config holds the settings, checked and with all defaults filled in. It never
// changes.
type Config struct {
	Accounts       []Account // at least one; the one from the environment first
	DefaultAccount string    // "default" when WECHAT_APP_ID is set, else ""
	Clients        []Client  // nil: the config file lists none
	Deny           []string  // patterns no client may call; never nil, may be empty

	// Base URLs in order of preference, at least one each, without a trailing
	// slash.
	Upstreams, WeComUpstreams []string

	Listen, AdminListen string        // host:port
	ClientKey           secret.Secret // zero: none
	AllowAnonymous      bool          // no key is needed, if there are no Clients and no ClientKey
	AdminKey            secret.Secret // zero: none, and AdminListen is loopback
	TLS                 TLS

	Store       Store
	StoreKey    secret.Secret // 32 raw bytes that encrypt what the store holds; zero: not encrypted
	StoreKeyOld secret.Secret // 32 raw bytes that decrypt older records; zero: none

	Disclosure  string // DisclosePlaceholder or DiscloseReal
	ErrorStatus string // StatusHTTP or StatusOK

	MaxBody         int64         // bytes
	WarmConnections int           // spare connections to each host, at most; 0: none
	UpstreamTimeout time.Duration // all durations are greater than zero, except QuotaEvery
	BreakerOpenFor  time.Duration
	ShutdownGrace   time.Duration

	QuotaEvery time.Duration // 0: never; otherwise at least a minute

	JSSDKHosts []string // in lower case, each may start with "*."; empty: any host

	LogLevel  slog.Level
	LogFormat string // LogAuto, LogText or LogJSON

	ConfigFile string // "": none

	reload func() (*Config, []string, error)
	// A pointer, because fmt would print a plain map.
	read *fileHashes
}

// What the emulated token endpoints answer.
const (
	DisclosePlaceholder = "placeholder"
	DiscloseReal        = "real"
)

// The HTTP status of the proxy's own answers.
const (
	StatusHTTP = "http" // the one that fits the error
	StatusOK   = "ok"   // always 200
)

// Log formats.
const (
	LogAuto = "auto" // coloured text on a terminal, otherwise JSON
	LogText = "text"
	LogJSON = "json"
)

// Reload reads all settings again: the environment, the config file and the
// files that hold secrets. It does not change c, so that after an error, which
// is [Problems], the caller can go on with c.
func (c *Config) Reload() (*Config, []string, error) { return c.reload() }

// Files returns the names of all files that c was read from, sorted.
func (c *Config) Files() []string { return slices.Sorted(maps.Keys(*c.read)) }
