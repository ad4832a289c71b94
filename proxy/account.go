package proxy

import (
	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Account is one set of WeChat credentials as the proxy sees it.
type Account struct {
	Name string
	// ID is the appid, or the corpid of a WeCom agent.
	ID       string
	Platform errcode.Platform
	// Secret is the AppSecret: sent to WeChat by the /sns/ routes that want it,
	// and the key of placeholders.
	Secret secret.Secret
	// Token is the access_token.
	Token *token.Keeper
	// Ticket returns the keeper of a ticket, made when first asked for; nil where
	// the account has no such kind.
	Ticket func(token.Kind) *token.Keeper
}

// Directory is whom the proxy serves and what for, at one moment. It is
// immutable; a reload puts another in its place, whole.
type Directory struct {
	// Accounts by name.
	Accounts map[string]*Account
	// ByID holds the accounts by appid. Several WeCom agents may share a corpid.
	ByID map[string][]*Account
	// Default serves calls that name no account and whose client has none of
	// its own; nil: there is none.
	Default *Account
	// Policy is who may do what.
	Policy *access.Policy
	// Upstreams are where calls go, by platform.
	Upstreams map[errcode.Platform]*Upstream
}

func emptyDirectory() *Directory {
	p, _ := access.New(access.Options{}, nil) // without rules there is nothing to be wrong
	return &Directory{Policy: p}
}

// secretOf returns the AppSecret of the account of that name, the zero Secret
// where there is none.
func (d *Directory) secretOf(account string) secret.Secret {
	if a := d.Accounts[account]; a != nil {
		return a.Secret
	}
	return secret.Secret{}
}

// fallback returns the account that serves a call which names none: the
// client's first, the default, or the only one there is; of the platform under
// whose name the call came, where that is not "".
func (d *Directory) fallback(client *access.Client, on errcode.Platform) *Account {
	fits := func(a *Account) bool { return a != nil && (on == "" || a.Platform == on) }
	if client != nil && client.DefaultAccount() != "" {
		for _, name := range client.Accounts() {
			if a := d.Accounts[name]; fits(a) {
				return a
			}
		}
		return nil
	}
	if fits(d.Default) {
		return d.Default
	}
	var only *Account
	for _, a := range d.Accounts {
		if !fits(a) {
			continue
		}
		if only != nil {
			return nil
		}
		only = a
	}
	return only
}
