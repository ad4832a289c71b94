package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/source"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// app is what is served, put together from the settings. apply puts it
// together again when they change.
type app struct {
	log     *slog.Logger
	store   token.Store // nil: memory alone
	storeUp atomic.Bool
	manager *token.Manager
	proxy   *proxy.Proxy
	admin   *admin.Admin
	tracer  *tracer // nil: calls are not traced
	quotas  *quotas // nil: WeChat is not asked about them

	upstreams map[errcode.Platform]*proxy.Upstream
	// tokens reaches the token endpoints: connections of their own, so that calls
	// in trouble cannot hinder a renewal. Breakers are each account's own.
	tokens   *http.Transport
	draining atomic.Bool
	inForce  atomic.Pointer[config.Config]

	mu      sync.Mutex // of what apply changes
	policy  *access.Policy
	sources map[string]*origin // :: account name → where its credentials come from
}

// origin is an account's way to WeChat's token endpoints, as long as its
// settings stay the same.
type origin struct {
	fingerprint string
	client      *source.Client
}

// newApp returns an app that serves cfg's accounts. close ends it.
func newApp(ctx context.Context, cfg *config.Config, log *slog.Logger) (*app, error) {
	a := &app{log: log, tokens: source.NewTransport(), sources: map[string]*origin{}, upstreams: map[errcode.Platform]*proxy.Upstream{}}
	a.storeUp.Store(true)
	a.inForce.Store(cfg)
	var err error
	if a.store, err = openStore(ctx, cfg, log); err != nil {
		return nil, err
	}
	for platform, hosts := range map[errcode.Platform][]string{errcode.MP: cfg.Upstreams, errcode.WeCom: cfg.WeComUpstreams} {
		a.upstreams[platform], err = proxy.NewUpstream(proxy.UpstreamOptions{
			Hosts: hosts, Timeout: cfg.UpstreamTimeout, BreakerOpenFor: cfg.BreakerOpenFor, OnBreaker: a.breakerChanged,
		})
		if err != nil {
			return nil, err
		}
	}
	if a.tracer, err = newTracer(ctx, log); err != nil {
		return nil, err
	}
	a.admin = a.newAdmin(cfg)
	a.manager = token.NewManager(token.Options{Store: a.store, OnEvent: a.tokenEvent})
	if cfg.QuotaEvery > 0 {
		a.quotas = newQuotas(a)
	}
	a.proxy = proxy.New(proxy.Options{
		Logger: log, OnCall: a.called, MaxBody: cfg.MaxBody, StatusOK: cfg.ErrorStatus == config.StatusOK,
		RealTokens: cfg.Disclosure == config.DiscloseReal, JSSDKHosts: cfg.JSSDKHosts,
	})
	if err := a.apply(cfg); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// close ends all that newApp began.
func (a *app) close() {
	a.manager.Close()
	a.tracer.close()
	for _, u := range a.upstreams {
		u.Close()
	}
	a.tokens.CloseIdleConnections()
	if a.store != nil {
		if err := a.store.Close(); err != nil {
			a.log.Warn("store", "err", err)
		}
	}
}

// openStore opens the store of the settings; nil: memory alone.
func openStore(ctx context.Context, cfg *config.Config, log *slog.Logger) (token.Store, error) {
	warn := func(msg string, err error) { log.Warn("store", "step", msg, "err", err) }
	var s token.Store
	var err error
	switch cfg.Store.Scheme {
	case config.StoreFile:
		s, err = store.NewFile(cfg.Store.Dir, warn)
	case config.StoreRedis:
		s, err = store.NewRedis(ctx, cfg.Store.URL.Reveal(), store.RedisOptions{Warn: warn})
	default:
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", cfg.Store.Describe(), err)
	}
	if cfg.StoreKey.IsZero() {
		return s, nil
	}
	keys := [][]byte{[]byte(cfg.StoreKey.Reveal())}
	if !cfg.StoreKeyOld.IsZero() {
		keys = append(keys, []byte(cfg.StoreKeyOld.Reveal()))
	}
	return store.Sealed(s, warn, keys...)
}

// apply makes cfg's accounts and clients the ones that are served, whole or not
// at all. Calls under way end with what they began with.
func (a *app) apply(cfg *config.Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	policy, err := access.New(policyOf(cfg), a.policy)
	if err != nil {
		return err
	}
	accounts := make([]token.Account, 0, len(cfg.Accounts))
	sources := make(map[string]*origin, len(cfg.Accounts))
	for _, c := range cfg.Accounts {
		o := a.originOf(cfg, c)
		sources[c.Name] = o
		accounts = append(accounts, a.credentialsOf(c, o))
	}
	a.policy, a.sources = policy, sources
	a.manager.Set(accounts)
	a.proxy.Use(a.directoryOf(cfg, policy))
	a.inForce.Store(cfg)
	return nil
}

// originOf returns the account's present origin, or a new one if its settings
// have changed.
func (a *app) originOf(cfg *config.Config, c config.Account) *origin {
	hosts := cfg.Upstreams
	if c.Kind == config.KindWeCom {
		hosts = cfg.WeComUpstreams
	}
	fingerprint := fingerprintOf(c)
	if o := a.sources[c.Name]; o != nil && o.fingerprint == fingerprint {
		return o
	}
	return &origin{fingerprint, source.NewClient(source.Options{
		Upstreams: hosts, Transport: a.tokens, BreakerOpenFor: cfg.BreakerOpenFor,
		OnBreaker: func(host, from, to string) { a.breakerChanged("token:"+c.Name+"@"+host, from, to) },
	})}
}

// fingerprintOf stands for an account's settings; it tells nothing of its
// secret.
func fingerprintOf(c config.Account) string {
	sum := sha256.Sum256([]byte(c.Kind + "\x00" + c.AppID + "\x00" + strconv.Itoa(c.AgentID) + "\x00" + c.TokenAPI + "\x00" + c.Secret.Reveal()))
	return hex.EncodeToString(sum[:])
}

// credentialsOf says how an account's credentials are had.
func (a *app) credentialsOf(c config.Account, o *origin) token.Account {
	appSecret := c.Secret
	t := token.Spec{Kind: token.AccessToken, Eager: true, Fingerprint: o.fingerprint}
	switch {
	case c.Kind == config.KindWeCom:
		t.Source, t.Schedule = o.client.WeCom(c.AppID, appSecret), token.WeComSchedule()
	case c.TokenAPI == config.TokenAPILegacy:
		t.Source, t.Schedule = o.client.Legacy(c.AppID, appSecret), token.LegacySchedule()
	default:
		t.Source, t.Schedule = o.client.Stable(c.AppID, appSecret), token.StableSchedule()
	}
	account := token.Account{Name: c.Name, ID: identityOf(c), Credentials: []token.Spec{t}}
	for _, kind := range ticketKinds(c) {
		account.Credentials = append(account.Credentials, token.Spec{
			Kind: kind, Source: a.ticketSource(c, o.client, kind), Schedule: token.TicketSchedule(),
			Eager: wants(c, kind), Fingerprint: identityOf(c),
		})
	}
	return account
}

// identityOf is an account's appid; with the agent, where several share one.
func identityOf(c config.Account) string {
	if c.Kind == config.KindWeCom {
		return c.AppID + "-" + strconv.Itoa(c.AgentID)
	}
	return c.AppID
}

func ticketKinds(c config.Account) []token.Kind {
	if c.Kind == config.KindWeCom {
		return []token.Kind{token.JSAPI, token.AgentConfig}
	}
	return []token.Kind{token.JSAPI, token.WXCard, token.SDK}
}

func wants(c config.Account, kind token.Kind) bool {
	for _, t := range c.Tickets {
		if t == string(kind) {
			return true
		}
	}
	return false
}

// ticketSource fetches a ticket with the account's own token.
func (a *app) ticketSource(c config.Account, client *source.Client, kind token.Kind) token.Source {
	return token.SourceFunc(func(ctx context.Context, r token.FetchRequest) (token.Fetched, error) {
		keeper := a.manager.Keeper(c.Name, token.AccessToken)
		if keeper == nil {
			return token.Fetched{}, token.ErrUnknown // taken out meanwhile
		}
		return client.Ticket(keeper, platformOf(c), kind).Fetch(ctx, r)
	})
}

func platformOf(c config.Account) errcode.Platform {
	if c.Kind == config.KindWeCom {
		return errcode.WeCom
	}
	return errcode.MP
}

// policyOf says who may call. One key for all makes one client of them.
func policyOf(cfg *config.Config) access.Options {
	// With a client CA, whom it let in needs no further key where none is set.
	o := access.Options{Deny: cfg.Deny, Anonymous: true}
	for _, c := range cfg.Clients {
		o.Clients = append(o.Clients, access.ClientSpec(c))
	}
	if !cfg.ClientKey.IsZero() {
		o.Clients = append(o.Clients, access.Shared(cfg.ClientKey))
	}
	return o
}

// directoryOf is the proxy's view of the accounts.
func (a *app) directoryOf(cfg *config.Config, policy *access.Policy) *proxy.Directory {
	d := &proxy.Directory{
		Accounts: make(map[string]*proxy.Account, len(cfg.Accounts)), ByID: make(map[string][]*proxy.Account, len(cfg.Accounts)),
		Policy: policy, Upstreams: a.upstreams,
	}
	for _, c := range cfg.Accounts {
		name := c.Name
		account := &proxy.Account{
			Name: name, ID: c.AppID, Platform: platformOf(c), Secret: c.Secret,
			Token:  a.manager.Keeper(name, token.AccessToken),
			Ticket: func(kind token.Kind) *token.Keeper { return a.manager.Keeper(name, kind) },
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

// watch is how the files of some settings are watched for changes.
type watch func(ctx context.Context, changed func()) error

// reload reads the settings again and applies them, or keeps what there is. It
// returns how to wait for the next change.
func (a *app) reload() watch {
	old := a.inForce.Load()
	cfg, warnings, err := old.Reload()
	for _, w := range warnings {
		a.log.Warn("settings", "hint", w)
	}
	if err == nil {
		err = a.apply(cfg)
	}
	if err != nil {
		a.log.Error("reload", "result", "refused", "err", err)
		a.admin.Reload("", err)
		return func(ctx context.Context, changed func()) error { return watchRefused(ctx, old, changed) }
	}
	summary := fmt.Sprintf("%d accounts, %d clients", len(cfg.Accounts), len(cfg.Clients))
	a.log.Info("reload", "result", "applied", "hint", summary)
	a.admin.Reload(summary, nil)
	return cfg.Watch
}

// watchRefused waits for a version that is better than the one that was refused
// after old: for a change of the files old came from (old's own Watch would take
// the bad version for one), and for what was missing elsewhere to arrive.
func watchRefused(ctx context.Context, old *config.Config, changed func()) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		again := time.NewTicker(5 * time.Second)
		defer again.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-again.C:
				if _, _, err := old.Reload(); err == nil {
					changed()
				}
			}
		}
	}()
	return config.Watch(ctx, old.Files(), changed)
}

func (a *app) tokenEvent(e token.Event) {
	if e.Type == token.EventStore && (e.Step == "up" || e.Step == "down") {
		a.storeUp.Store(e.Step == "up")
	}
	logToken(a.log, e)
	a.admin.Token(e)
}

func (a *app) breakerChanged(host, from, to string) {
	a.log.Warn("breaker", "host", host, "step", from+" → "+to)
	a.admin.Breaker(host, from, to)
}

// called passes a finished call on to who counts.
func (a *app) called(r proxy.Record) {
	a.tracer.call(r)
	a.quotas.called(r)
	a.admin.Call(stats.Call{
		At: r.At.Add(r.Took), Client: r.Client, Account: r.Account, Platform: r.Platform, Method: r.Method, Class: r.Class, Path: r.Path,
		Status: r.Status, Errcode: r.Errcode, RID: r.RID, Host: r.Host, Took: r.Took, Upstream: r.AtWeChat, Wait: r.Waited,
		Attempts: r.Sends, Renewed: r.Renewed, BytesIn: r.BytesIn, BytesOut: r.BytesOut, ID: r.ID, Err: r.Err,
	})
}

// newAdmin makes the operator's view of a.
func (a *app) newAdmin(cfg *config.Config) *admin.Admin {
	b := readBuild()
	return admin.New(admin.Options{
		Accounts: a.adminAccounts, Clients: a.adminClients, Hosts: a.adminHosts,
		Statuses: func(account string) []token.Status { return a.manager.Status(account) },
		Store: func() admin.Store {
			return admin.Store{Name: cfg.Store.Scheme, Shared: cfg.Store.Scheme == config.StoreRedis, Up: a.storeUp.Load()}
		},
		Renew:    a.renew,
		Explain:  a.explain,
		Quotas:   a.adminQuotas,
		InFlight: func() int { return a.proxy.InFlight() },
		Draining: a.draining.Load,
		Key:      cfg.AdminKey,
		Version:  b.version, Revision: b.revision, GoVersion: b.goVersion, Started: time.Now(), Logger: a.log,
	})
}

func (a *app) adminAccounts() []admin.Account {
	cfg := a.inForce.Load()
	out := make([]admin.Account, len(cfg.Accounts))
	for i, c := range cfg.Accounts {
		out[i] = admin.Account{
			Name: c.Name, ID: identityOf(c), Kind: c.Kind, Platform: platformOf(c), TokenAPI: c.TokenAPI,
			Default: c.Name == cfg.DefaultAccount || len(cfg.Accounts) == 1,
		}
	}
	return out
}

func (a *app) adminClients() []admin.Client {
	cfg := a.inForce.Load()
	var out []admin.Client
	for _, c := range cfg.Clients {
		out = append(out, admin.Client{Name: c.Name, Accounts: c.Accounts, Rules: len(c.Allow) + len(c.Deny), Rate: c.Rate})
	}
	if !cfg.ClientKey.IsZero() {
		out = append(out, admin.Client{Name: "default"})
	}
	return out
}

func (a *app) adminHosts() []admin.Host {
	var out []admin.Host
	for _, platform := range []errcode.Platform{errcode.MP, errcode.WeCom} {
		if platform == errcode.WeCom && !a.hasWeCom() {
			continue
		}
		for _, h := range a.upstreams[platform].Hosts() {
			out = append(out, admin.Host{Platform: platform, Host: h.Host, State: h.State, Since: h.Since})
		}
	}
	return out
}

func (a *app) adminQuotas() []admin.Quota {
	var out []admin.Quota
	a.quotas.each(func(account, path string, said quota) {
		out = append(out, admin.Quota{Account: account, Path: path, Limit: said.Limit, Used: said.Used, Left: said.Left})
	})
	return out
}

func (a *app) hasWeCom() bool {
	for _, c := range a.inForce.Load().Accounts {
		if c.Kind == config.KindWeCom {
			return true
		}
	}
	return false
}

// renew renews a credential for the operator.
func (a *app) renew(ctx context.Context, account string, kind token.Kind) error {
	keeper := a.manager.Keeper(account, kind)
	if keeper == nil {
		return token.ErrUnknown
	}
	_, err := keeper.Renew(ctx)
	return err
}
