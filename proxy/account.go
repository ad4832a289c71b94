package proxy

import (
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/errcode"
)

// Account is one set of WeChat credentials as the proxy sees it.
type Account struct {
	Name string
	// ID is the appid, or the corpid of a WeCom agent.
	ID       string
	Platform errcode.Platform
	// Secret is the AppSecret: sent to WeChat by the /sns/ routes that want it,
	// and the key of placeholders.
	Secret token.Secret
	// Token is the access_token.
	Token *token.Keeper
	// Ticket returns the keeper of a ticket, made when first asked for; nil where
	// the account has no such kind.
	Ticket func(token.Kind) *token.Keeper
	// Upstream is where the account's calls go.
	Upstream *Upstream
}

// Directory is whom the proxy serves and what for, at one moment. It is
// immutable; a reload puts another in its place, whole.
type Directory struct {
	// Accounts by name. ByID finds one by appid (several WeCom agents may share
	// a corpid; then the first).
	Accounts map[string]*Account
	ByID     map[string]*Account
	// Default serves calls that name no account and whose client has none of
	// its own; nil: there is none.
	Default *Account
	// Policy is who may do what.
	Policy *access.Policy
}
