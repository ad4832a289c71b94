// Package fromconfig turns the operator's settings into what [source] and
// [store] take, for the running proxy and for the commands beside it.
//
// Map:
//
//	fromconfig.go  an account, the hosts of a platform, the store
package fromconfig

import (
	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/source"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Account returns what concerns the credentials of c.
func Account(c config.Account) source.Account {
	return source.Account{
		Name: c.Name, Kind: c.Kind, AppID: c.AppID, AgentID: c.AgentID, TokenAPI: c.TokenAPI, Secret: c.Secret, Tickets: c.Tickets,
	}
}

// Upstreams returns the base URLs of a platform's hosts, in order of preference.
func Upstreams(cfg *config.Config, platform errcode.Platform) []string {
	if platform == errcode.WeCom {
		return cfg.WeComUpstreams
	}
	return cfg.Upstreams
}

// Store returns where tokens are kept, and the keys that encrypt them.
func Store(cfg *config.Config) store.Settings {
	return store.Settings{Name: cfg.Store.Describe(), Dir: cfg.Store.Dir, RedisURL: cfg.Store.URL, Key: cfg.StoreKey, OldKey: cfg.StoreKeyOld}
}
