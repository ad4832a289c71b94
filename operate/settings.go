package operate

import (
	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/source"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store"
)

// storeOf passes on what concerns the store.
func storeOf(cfg *config.Config) store.Settings {
	return store.Settings{Name: cfg.Store.Describe(), Dir: cfg.Store.Dir, RedisURL: cfg.Store.URL, Key: cfg.StoreKey, OldKey: cfg.StoreKeyOld}
}

// accountOf passes on what concerns an account's credentials.
func accountOf(c config.Account) source.Account {
	return source.Account{
		Name: c.Name, Kind: c.Kind, AppID: c.AppID, AgentID: c.AgentID, TokenAPI: c.TokenAPI, Secret: c.Secret, Tickets: c.Tickets,
	}
}
