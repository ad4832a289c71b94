package config

import (
	"fmt"
	"strings"
)

// loader is one reading of all there is.
type loader struct {
	lookup   func(string) (string, bool)
	env      variables
	tokenAPI string   // WECHAT_TOKEN_API, also of the file's accounts that do not say
	read     sums     // the files read so far
	named    []string // variables that the config file names
	problems Problems
	warnings []string
}

// Load reads the environment through lookup, which is like [os.LookupEnv], and
// the files it names. An empty variable counts as unset. environ is like
// [os.Environ] and serves only the warnings about variables that are not known;
// it may be nil. The warnings are for the log, and hold no secret. The error is
// [Problems]: all of them.
func Load(lookup func(string) (string, bool), environ []string) (*Config, []string, error) {
	l := &loader{lookup: lookup, read: sums{}}
	var err error
	if l.env, err = readVariables(lookup); err != nil {
		return nil, nil, fmt.Errorf("read the environment: %w", err)
	}
	c := l.config()
	l.warn(c)
	known := l.named
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

// config reads everything and notes the problems.
func (l *loader) config() *Config {
	env := l.env
	l.tokenAPI = l.choice("WECHAT_TOKEN_API", env.TokenAPI, TokenAPIStable, TokenAPILegacy)
	c := &Config{
		Deny:            standardDeny(),
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
		l.checkWho(c)
	}
	l.checkAddresses()
	return c
}

// environmentAccount adds the account that WECHAT_APP_ID names, if it is set.
func (l *loader) environmentAccount(c *Config) {
	env := l.env
	hasSecret := !env.AppSecret.IsZero() || env.AppSecretFile != ""
	secret := l.secret("WECHAT_APP_SECRET", env.AppSecret, env.AppSecretFile)
	switch {
	case env.AppID == "" && hasSecret:
		l.problems.add("WECHAT_APP_ID", "", "is not set, but its secret is")
	case env.AppID == "":
		return
	case !appIDForm.MatchString(env.AppID):
		l.problems.add("WECHAT_APP_ID", env.AppID, appIDRule)
	}
	if env.AppID != "" && !hasSecret {
		l.problems.add("WECHAT_APP_SECRET", "", "is not set, but WECHAT_APP_ID is; WECHAT_APP_SECRET_FILE would do as well")
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

// checkWho notes it when there is nobody to call for, or anybody may call.
func (l *loader) checkWho(c *Config) {
	env := l.env
	if len(c.Accounts) == 0 && env.AppSecret.IsZero() && env.AppSecretFile == "" {
		l.problems.add("WECHAT_APP_ID", "", "there is no account: set WECHAT_APP_ID and WECHAT_APP_SECRET, or name accounts in PROXY_CONFIG_FILE")
	}
	hasKey := !env.ClientKey.IsZero() || env.ClientKeyFile != ""
	hasClients := len(c.Clients) > 0
	if hasKey && hasClients {
		l.problems.add("PROXY_CLIENT_KEY", "", "is set, but %s names the clients; it is for all clients where no config file does", c.ConfigFile)
	}
	if isExposed(env.Listen) && !hasKey && !hasClients && env.TLSClientCAFile == "" && !c.AllowAnonymous {
		l.problems.add("PROXY_LISTEN", env.Listen, "others can reach this address, and anybody could call: set PROXY_CLIENT_KEY, name clients in PROXY_CONFIG_FILE, or set PROXY_ALLOW_ANONYMOUS=true")
	}
}

// checkAddresses notes addresses that do not go together or with the keys.
func (l *loader) checkAddresses() {
	env := l.env
	if isExposed(env.AdminListen) && env.AdminKey.IsZero() && env.AdminKeyFile == "" {
		l.problems.add("PROXY_ADMIN_LISTEN", env.AdminListen, "others can reach this address: set PROXY_ADMIN_KEY")
	}
	if sameAddress(env.Listen, env.AdminListen) {
		l.problems.add("PROXY_ADMIN_LISTEN", env.AdminListen, "the address of PROXY_LISTEN, %s, too", env.Listen)
	}
}

// warn notes what works, but hardly as it was meant.
func (l *loader) warn(c *Config) {
	if c.Store.Scheme == StoreMemory && !c.StoreKey.IsZero() {
		l.warnings = append(l.warnings, "PROXY_STORE_KEY has no effect: PROXY_TOKEN_STORE keeps tokens in memory")
	}
	if c.Store.Scheme != StoreMemory && c.Store.Scheme != "" && c.StoreKey.IsZero() {
		l.warnings = append(l.warnings, "PROXY_STORE_KEY is not set: who can read "+c.Store.Describe()+" can read the tokens")
	}
	if c.AllowAnonymous && (!c.ClientKey.IsZero() || len(c.Clients) > 0) {
		l.warnings = append(l.warnings, "PROXY_ALLOW_ANONYMOUS has no effect: there are client keys")
	}
}
