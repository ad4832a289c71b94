package serve

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/fromconfig"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// app is a running proxy without its listeners.
type app struct {
	log      *slog.Logger
	settings atomic.Pointer[config.Config] // in force
	store    token.Store                   // nil: tokens are kept in memory only
	manager  *token.Manager
	proxy    *proxy.Proxy
	admin    *admin.Admin
	accounts *accounts
	tracer   *tracer // nil: calls are not traced
	quotas   *quotas // nil: WeChat is not asked about quotas
	breakers *breakerLog

	upstreams map[errcode.Platform]*wechat.Hosts // where calls go
	// tokens carries requests for tokens on connections of their own, so that
	// calls in trouble cannot delay a renewal.
	tokens    wechat.Connections
	questions *wechat.Hosts // where the operator's questions go; MP only

	storeUp  atomic.Bool
	draining atomic.Bool
}

// newApp puts together a proxy for cfg. The caller closes it, unless there is an
// error: then everything that was opened is closed already.
func newApp(ctx context.Context, cfg *config.Config, log *slog.Logger) (*app, error) {
	a := &app{log: log, breakers: newBreakerLog(log), upstreams: map[errcode.Platform]*wechat.Hosts{}}
	a.settings.Store(cfg)
	a.storeUp.Store(true)
	if err := a.open(ctx, cfg); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// open opens and builds all parts, in the order in which they need each other.
// After an error some of them are nil.
func (a *app) open(ctx context.Context, cfg *config.Config) (err error) {
	if a.store, err = openStore(ctx, cfg, a.log); err != nil {
		return err
	}
	if err := a.openRoad(cfg); err != nil {
		return err
	}
	if a.tracer, err = newTracer(ctx, a.log); err != nil {
		return err
	}
	a.admin = newAdmin(a, cfg)
	a.manager = token.NewManager(token.Options{Store: a.store, OnEvent: a.tokenEvent})
	if cfg.QuotaEvery > 0 {
		a.quotas = newQuotas(a.askQuota)
	}
	a.proxy = proxy.New(proxy.Options{
		Logger: a.log, OnCall: a.called, MaxBody: cfg.MaxBody, StatusOK: cfg.ErrorStatus == config.StatusOK,
		RealTokens: cfg.Disclosure == config.DiscloseReal, JSSDKHosts: cfg.JSSDKHosts,
	})
	a.accounts = &accounts{manager: a.manager, proxy: a.proxy, upstreams: a.upstreams, tokens: &a.tokens, onBreaker: a.breakerChanged}
	return a.apply(cfg)
}

// openRoad names WeChat's hosts. It opens no connection yet.
func (a *app) openRoad(cfg *config.Config) (err error) {
	for _, platform := range []errcode.Platform{errcode.MP, errcode.WeCom} {
		hosts, err := wechat.NewHosts(wechat.Options{
			Platform: platform, BaseURLs: fromconfig.Upstreams(cfg, platform), Timeout: cfg.UpstreamTimeout,
			BreakerOpenFor: cfg.BreakerOpenFor, OnBreaker: a.breakerChanged,
		})
		if err != nil {
			return err
		}
		a.upstreams[platform] = hosts
	}
	a.questions, err = wechat.NewHosts(wechat.Options{
		BaseURLs: fromconfig.Upstreams(cfg, errcode.MP), Timeout: askTimeout, BreakerOpenFor: cfg.BreakerOpenFor, Connections: &a.tokens,
	})
	return err
}

// openStore opens the store of the settings. It returns nil if tokens are kept
// in memory only.
func openStore(ctx context.Context, cfg *config.Config, log *slog.Logger) (token.Store, error) {
	return store.Open(ctx, fromconfig.Store(cfg), func(msg string, err error) { log.Warn("store", "step", msg, "err", err) })
}

// apply puts settings in force: entirely, or not at all if it returns an error.
// It is called by one goroutine at a time.
func (a *app) apply(cfg *config.Config) error {
	if err := a.accounts.apply(cfg); err != nil {
		return err
	}
	a.settings.Store(cfg)
	for platform, hosts := range a.upstreams {
		most := cfg.WarmConnections
		if !uses(cfg, platform) {
			most = 0 // nobody calls it
		}
		hosts.Warm(most)
	}
	return nil
}

// close ends everything that newApp began, be it only a part.
func (a *app) close() {
	if a.manager != nil {
		a.manager.Close()
	}
	a.tracer.close()
	if a.accounts != nil {
		a.accounts.close()
	}
	for _, hosts := range a.upstreams {
		hosts.Close()
	}
	if a.questions != nil {
		a.questions.Close()
	}
	a.tokens.Close()
	a.breakers.close()
	if a.store != nil {
		if err := a.store.Close(); err != nil {
			a.log.Warn("store", "err", err)
		}
	}
}
