package operate

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/fromconfig"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/source"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// checkTokens gets each account's token the way the proxy does: from s if there
// is a good one, and else from WeChat; then it is saved in s.
func (c *checker) checkTokens(ctx context.Context, s token.Store) []Finding {
	m := token.NewManager(token.Options{Store: s})
	defer m.Close()
	accounts := make([]token.Account, len(c.cfg.Accounts))
	asked := make([]atomic.Bool, len(accounts))
	clients := make([]*source.Client, len(accounts))
	found := make([]Finding, len(accounts))
	for i, a := range c.cfg.Accounts {
		account := fromconfig.Account(a)
		client, err := source.NewClient(source.Options{
			Platform: account.Platform(), Upstreams: fromconfig.Upstreams(c.cfg, account.Platform()), Connections: &c.connections, Transport: c.transport,
		})
		if err != nil {
			return []Finding{{Name: "token", Account: a.Name, Detail: err.Error()}}
		}
		defer client.Close()
		clients[i] = client
		accounts[i] = clients[i].Credentials(account, m.Keeper)
		t := accounts[i].Credentials[0] // the token; tickets are not checked
		inner := t.Source
		t.Eager = false // it is asked for below, once
		t.Source = token.SourceFunc(func(ctx context.Context, r token.FetchRequest) (token.Fetched, error) {
			asked[i].Store(true)
			return inner.Fetch(ctx, r)
		})
		accounts[i].Credentials = []token.Spec{t}
	}
	m.Set(accounts)
	forEach(len(accounts), func(i int) {
		a := c.cfg.Accounts[i]
		held, err := m.Keeper(a.Name, token.AccessToken).Get(ctx)
		if err != nil {
			found[i] = tokenFailed(a, err)
		} else {
			found[i] = c.tokenFound(a, held.Left(time.Now()), asked[i].Load())
		}
		if ahead, ok := clients[i].ClockOffset(); ok {
			c.setClock(ahead)
		}
	})
	return found
}

// tokenFound reports a token that is valid for left.
func (c *checker) tokenFound(a config.Account, left time.Duration, fetched bool) Finding {
	f := Finding{Name: "token", Account: a.Name, OK: true}
	valid := left.Round(time.Minute).String()
	switch {
	case !fetched:
		f.Detail = "token in the store, valid for " + valid + "; WeChat not asked"
	case a.TokenAPI == config.TokenAPILegacy && c.cfg.Store.Scheme == config.StoreMemory:
		f.Detail = "WeChat issued a new one for " + valid + "; one that is in use elsewhere ends within 5 minutes"
		f.Warning, f.Advice = true, adviceLegacy()
	case a.TokenAPI == config.TokenAPILegacy:
		f.Detail = "WeChat issued a new one for " + valid + ", which is in the store now; the previous one ends within 5 minutes"
	default:
		f.Detail = "WeChat issued one for " + valid
	}
	return f
}

// tokenFailed reports why there is no token, and what to do.
func tokenFailed(a config.Account, err error) Finding {
	f := Finding{Name: "token", Account: a.Name}
	var gone *token.Unavailable
	if errors.As(err, &gone) {
		err = gone.Err
	}
	var said *errcode.Error
	if !errors.As(err, &said) {
		return hostFailed(f, err)
	}
	f.Detail = "WeChat says " + said.Error()
	f.Errcode, f.IP = said.Code, errcode.SeenIP(said.Msg)
	f.Advice = adviceErrcode(said)
	return f
}
