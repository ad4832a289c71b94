package config

import (
	"fmt"
	"strings"
)

// loader reads all settings once.
type loader struct {
	lookup        func(string) (string, bool)
	env           variables
	tokenAPI      string     // WECHAT_TOKEN_API, the default for accounts in the file too
	read          fileHashes // the files read so far
	secretEnvVars []string   // variables that the config file names
	problems      Problems
	warnings      []string
}

// Load reads the environment through lookup, which is like [os.LookupEnv], and
// the files it names. An empty variable counts as unset. environ is like
// [os.Environ] and only serves to warn about unknown variables; it may be nil.
// The warnings are for the log and hold no secrets. The error is [Problems],
// the complete list.
func Load(lookup func(string) (string, bool), environ []string) (*Config, []string, error) {
	l := &loader{lookup: lookup, read: fileHashes{}}
	var err error
	if l.env, err = readVariables(lookup); err != nil {
		return nil, nil, fmt.Errorf("read the environment: %w", err)
	}
	c := l.config()
	l.warn(c)
	known := l.secretEnvVars
	for _, v := range knownVariables() {
		known = append(known, v.name)
	}
	l.warnings = append(l.warnings, unknownVariables(environ, known)...)
	if len(l.problems) > 0 {
		return nil, l.warnings, l.problems
	}
	c.read = &l.read
	c.reload = func() (*Config, []string, error) { return Load(lookup, environ) }
	return c, l.warnings, nil
}

// config reads everything and collects the problems.
func (l *loader) config() *Config {
	env := l.env
	l.tokenAPI = l.choice("WECHAT_TOKEN_API", env.TokenAPI, TokenAPIStable, TokenAPILegacy)
	c := &Config{
		Deny:            defaultDeny(),
		Upstreams:       l.upstreams("WECHAT_UPSTREAMS", env.Upstreams),
		WeComUpstreams:  l.upstreams("WECOM_UPSTREAMS", env.WeComUpstreams),
		Listen:          l.listen("PROXY_LISTEN", env.Listen),
		AdminListen:     l.listen("PROXY_ADMIN_LISTEN", env.AdminListen),
		ClientKey:       l.secret("PROXY_CLIENT_KEY", env.ClientKey, env.ClientKeyFile),
		AdminKey:        l.secret("PROXY_ADMIN_KEY", env.AdminKey, env.AdminKeyFile),
		AllowAnonymous:  l.boolean("PROXY_ALLOW_ANONYMOUS", env.AllowAnonymous),
		TLS:             l.tls(),
		Store:           l.store(),
		Disclosure:      l.choice("PROXY_TOKEN_DISCLOSURE", env.TokenDisclosure, DisclosePlaceholder, DiscloseReal),
		ErrorStatus:     l.choice("PROXY_ERROR_STATUS", env.ErrorStatus, StatusHTTP, StatusOK),
		MaxBody:         l.size("PROXY_MAX_BODY", env.MaxBody),
		WarmConnections: l.number("PROXY_WARM_CONNECTIONS", env.WarmConnections, maxWarm),
		UpstreamTimeout: l.duration("PROXY_UPSTREAM_TIMEOUT", env.UpstreamTimeout),
		BreakerOpenFor:  l.duration("PROXY_BREAKER_OPEN_FOR", env.BreakerOpenFor),
		ShutdownGrace:   l.duration("PROXY_SHUTDOWN_GRACE", env.ShutdownGrace),
		QuotaEvery:      l.quotaEvery(env.QuotaEvery),
		JSSDKHosts:      l.hosts("PROXY_JSSDK_HOSTS", env.JSSDKHosts),
		LogFormat:       l.choice("PROXY_LOG_FORMAT", env.LogFormat, LogAuto, LogText, LogJSON),
		ConfigFile:      env.ConfigFile,
	}
	level := l.choice("PROXY_LOG_LEVEL", strings.ToLower(env.LogLevel), "debug", "info", "warn", "error")
	_ = c.LogLevel.UnmarshalText([]byte(level))
	c.StoreKey, c.StoreKeyOld = l.storeKeys()
	l.environmentAccount(c)
	if l.configFile(c) {
		l.checkAccess(c)
	}
	l.checkAddresses()
	return c
}

// environmentAccount adds the account of WECHAT_APP_ID, if it is set.
func (l *loader) environmentAccount(c *Config) {
	env := l.env
	hasSecret := !env.AppSecret.IsZero() || env.AppSecretFile != ""
	secret := l.secret("WECHAT_APP_SECRET", env.AppSecret, env.AppSecretFile)
	switch {
	case env.AppID == "" && hasSecret:
		l.problems.add("WECHAT_APP_ID", "", "required with WECHAT_APP_SECRET")
	case env.AppID == "":
		return
	case !appIDForm.MatchString(env.AppID):
		l.problems.add("WECHAT_APP_ID", env.AppID, appIDRule)
	}
	if env.AppID != "" && !hasSecret {
		l.problems.add("WECHAT_APP_SECRET", "", "required with WECHAT_APP_ID; or set WECHAT_APP_SECRET_FILE")
	}
	c.DefaultAccount = defaultAccount
	c.Accounts = []Account{{
		Name:     defaultAccount,
		Kind:     KindOfficial,
		AppID:    env.AppID,
		Secret:   secret,
		TokenAPI: l.tokenAPI,
		Source:   environment,
	}}
}

// checkAccess reports a configuration without accounts, and one that lets
// anyone on the network call.
func (l *loader) checkAccess(c *Config) {
	env := l.env
	if len(c.Accounts) == 0 && env.AppSecret.IsZero() && env.AppSecretFile == "" {
		l.problems.add("WECHAT_APP_ID", "", "no account configured: set WECHAT_APP_ID and WECHAT_APP_SECRET, or list accounts in PROXY_CONFIG_FILE")
	}
	hasKey := !env.ClientKey.IsZero() || env.ClientKeyFile != ""
	hasClients := len(c.Clients) > 0
	if hasKey && hasClients {
		l.problems.add("PROXY_CLIENT_KEY", "", "conflicts with the clients in %s: set it only where no clients are listed", c.ConfigFile)
	}
	if isExposed(env.Listen) && !hasKey && !hasClients && env.TLSClientCAFile == "" && !c.AllowAnonymous {
		l.problems.add("PROXY_LISTEN", env.Listen, "not a loopback address, and clients need no key: set PROXY_CLIENT_KEY, list clients in PROXY_CONFIG_FILE, or set PROXY_ALLOW_ANONYMOUS=true")
	}
}

// checkAddresses reports listen addresses that conflict or need a key.
func (l *loader) checkAddresses() {
	env := l.env
	if isExposed(env.AdminListen) && env.AdminKey.IsZero() && env.AdminKeyFile == "" {
		l.problems.add("PROXY_ADMIN_LISTEN", env.AdminListen, "not a loopback address: set PROXY_ADMIN_KEY")
	}
	if sameAddress(env.Listen, env.AdminListen) {
		l.problems.add("PROXY_ADMIN_LISTEN", env.AdminListen, "conflicts with PROXY_LISTEN=%s", env.Listen)
	}
}

// warn adds warnings about settings that are valid but probably unintended.
func (l *loader) warn(c *Config) {
	if c.Store.Scheme == StoreMemory && !c.StoreKey.IsZero() {
		l.warnings = append(l.warnings, "PROXY_STORE_KEY has no effect: PROXY_TOKEN_STORE keeps tokens in memory")
	}
	if c.Store.Scheme != StoreMemory && c.Store.Scheme != "" && c.StoreKey.IsZero() {
		l.warnings = append(l.warnings, "PROXY_STORE_KEY is not set: tokens are stored unencrypted in "+c.Store.Describe())
	}
	if c.AllowAnonymous && (!c.ClientKey.IsZero() || len(c.Clients) > 0) {
		l.warnings = append(l.warnings, "PROXY_ALLOW_ANONYMOUS has no effect: client keys are configured")
	}
}
