package serve

import (
	"fmt"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/fromconfig"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/source"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// accounts hands the accounts and clients of the settings to the token manager
// and to the proxy, again whenever the settings change.
type accounts struct {
	manager   *token.Manager
	proxy     *proxy.Proxy
	upstreams map[errcode.Platform]*wechat.Hosts
	tokens    *wechat.Connections
	onBreaker func(host, from, to string)

	policy  *access.Policy     // nil before the first apply
	origins map[string]*origin // :: account name → where its credentials come from
}

// origin is an account's client for WeChat's token endpoints. It is kept while
// the account's settings stay the same, and with it the state of its breakers.
type origin struct {
	fingerprint string
	client      *source.Client
}

// apply replaces the accounts and clients with those of cfg: all of them, or
// none if it returns an error. Calls in flight keep what they started with.
func (s *accounts) apply(cfg *config.Config) error {
	policy, err := access.New(policyOf(cfg), s.policy)
	if err != nil {
		return err
	}
	credentials := make([]token.Account, 0, len(cfg.Accounts))
	origins := make(map[string]*origin, len(cfg.Accounts))
	for _, c := range cfg.Accounts {
		o, err := s.originOf(cfg, c)
		if err != nil {
			closeExcept(origins, s.origins) // those made for cfg
			return err
		}
		origins[c.Name] = o
		credentials = append(credentials, o.client.Credentials(fromconfig.Account(c), s.manager.Keeper))
	}
	defer closeExcept(s.origins, origins) // once nobody starts a fetch with them
	s.policy, s.origins = policy, origins
	s.manager.Set(credentials)
	s.proxy.Use(s.directoryOf(cfg))
	return nil
}

// originOf returns the account's present origin, or a new one if its settings
// have changed.
func (s *accounts) originOf(cfg *config.Config, c config.Account) (*origin, error) {
	account := fromconfig.Account(c)
	fingerprint := account.Fingerprint()
	if o := s.origins[c.Name]; o != nil && o.fingerprint == fingerprint {
		return o, nil
	}
	client, err := source.NewClient(source.Options{
		Platform: account.Platform(), Upstreams: fromconfig.Upstreams(cfg, account.Platform()), Connections: s.tokens, BreakerOpenFor: cfg.BreakerOpenFor,
		OnBreaker: func(host, from, to string) { s.onBreaker("token:"+c.Name+"@"+host, from, to) },
	})
	if err != nil {
		return nil, fmt.Errorf("account %q: %w", c.Name, err)
	}
	return &origin{fingerprint, client}, nil
}

// close ends what the origins run.
func (s *accounts) close() { closeExcept(s.origins, nil) }

// closeExcept closes the clients of those origins that are not also in kept.
func closeExcept(origins, kept map[string]*origin) {
	for name, o := range origins {
		if kept[name] != o {
			o.client.Close()
		}
	}
}

// directoryOf returns what the proxy looks up for each call.
func (s *accounts) directoryOf(cfg *config.Config) *proxy.Directory {
	d := &proxy.Directory{
		Accounts: make(map[string]*proxy.Account, len(cfg.Accounts)), ByID: make(map[string][]*proxy.Account, len(cfg.Accounts)),
		Policy: s.policy, Upstreams: s.upstreams,
	}
	for _, c := range cfg.Accounts {
		name := c.Name
		account := &proxy.Account{
			Name: name, ID: c.AppID, Platform: fromconfig.Account(c).Platform(), Secret: c.Secret,
			Token:  s.manager.Keeper(name, token.AccessToken),
			Ticket: func(kind token.Kind) *token.Keeper { return s.manager.Keeper(name, kind) },
		}
		d.Accounts[name] = account
		d.ByID[c.AppID] = append(d.ByID[c.AppID], account)
	}
	d.Default = d.Accounts[cfg.DefaultAccount]
	if d.Default == nil && len(cfg.Accounts) == 1 {
		d.Default = d.Accounts[cfg.Accounts[0].Name]
	}
	return d
}

// policyOf returns who may call. A key that all clients share makes them one
// client.
func policyOf(cfg *config.Config) access.Options {
	// Anonymous, because config checks who may call without a key. With a client
	// CA the TLS handshake does, and no further key is needed if none is set.
	o := access.Options{Deny: cfg.Deny, Anonymous: true}
	for _, c := range cfg.Clients {
		o.Clients = append(o.Clients, access.ClientSpec(c))
	}
	if !cfg.ClientKey.IsZero() {
		o.Clients = append(o.Clients, access.Shared(cfg.ClientKey))
	}
	return o
}
