package serve

import (
	"context"
	"slices"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/fromconfig"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// newAdmin returns the admin endpoints of a. They are asked only once a is
// complete; the accounts and clients, at once.
func newAdmin(a *app, cfg *config.Config) *admin.Admin {
	b := readBuild()
	return admin.New(admin.Options{
		Accounts: func() []admin.Account { return adminAccounts(a.settings.Load()) },
		Clients:  func() []admin.Client { return adminClients(a.settings.Load()) },
		Hosts:    func() []admin.Host { return adminHosts(a.settings.Load(), a.upstreams) },
		Quotas:   func() []admin.Quota { return a.quotas.report() },
		Statuses: func(account string) []token.Status { return a.manager.Status(account) },
		Store: func() admin.Store {
			return admin.Store{Name: cfg.Store.Scheme, Shared: cfg.Store.Scheme == config.StoreRedis, Up: a.storeUp.Load()}
		},
		Renew:    a.renew,
		Explain:  a.explain,
		InFlight: func() int { return a.proxy.InFlight() },
		Draining: a.draining.Load,
		Key:      cfg.AdminKey,
		Version:  b.version, Revision: b.revision, GoVersion: b.goVersion, Started: time.Now(), Logger: a.log,
	})
}

func adminAccounts(cfg *config.Config) []admin.Account {
	out := make([]admin.Account, len(cfg.Accounts))
	for i, c := range cfg.Accounts {
		account := fromconfig.Account(c)
		out[i] = admin.Account{
			Name: c.Name, ID: account.ID(), Kind: c.Kind, Platform: account.Platform(), TokenAPI: c.TokenAPI,
			Default: c.Name == cfg.DefaultAccount || len(cfg.Accounts) == 1,
		}
	}
	return out
}

func adminClients(cfg *config.Config) []admin.Client {
	var out []admin.Client
	for _, c := range cfg.Clients {
		out = append(out, admin.Client{Name: c.Name, Accounts: c.Accounts, Rules: len(c.Allow) + len(c.Deny), Rate: c.Rate})
	}
	if !cfg.ClientKey.IsZero() {
		out = append(out, admin.Client{Name: "default"})
	}
	return out
}

// adminHosts leaves out WeCom's hosts where no account is WeCom's.
func adminHosts(cfg *config.Config, upstreams map[errcode.Platform]*wechat.Hosts) []admin.Host {
	var out []admin.Host
	for _, platform := range []errcode.Platform{errcode.MP, errcode.WeCom} {
		if platform == errcode.WeCom && !uses(cfg, platform) {
			continue
		}
		for _, h := range upstreams[platform].Status() {
			out = append(out, admin.Host{Platform: platform, Host: h.Host, State: h.State, Since: h.Since, Busy: h.Busy, Idle: h.Idle, Wanted: h.Wanted, Ahead: h.Ahead})
		}
	}
	return out
}

// uses reports whether there is an account of platform.
func uses(cfg *config.Config, platform errcode.Platform) bool {
	return slices.ContainsFunc(cfg.Accounts, func(c config.Account) bool { return fromconfig.Account(c).Platform() == platform })
}

// renew renews a credential because the operator says so.
func (a *app) renew(ctx context.Context, account string, kind token.Kind) error {
	keeper := a.manager.Keeper(account, kind)
	if keeper == nil {
		return token.ErrUnknown
	}
	_, err := keeper.Renew(ctx)
	return err
}
