package serve

import (
	"context"
	"log/slog"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

const patience = servetest.Patience

// here is a proxy within the test's process. It ends with the test.
type here struct {
	*app
	url string
}

// serveHere starts a proxy with variables as its environment; unless they say
// otherwise it listens on free ports.
func serveHere(t testing.TB, variables ...string) *here {
	t.Helper()
	environ := append([]string{"PROXY_LISTEN=127.0.0.1:0", "PROXY_ADMIN_LISTEN=127.0.0.1:0", "PROXY_SHUTDOWN_GRACE=2s"}, variables...)
	cfg, log, err := Load(environ, servetest.NewOutput())
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Wait(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return &here{app: s.app, url: s.URL()}
}

// appOf returns an app with the settings of environ. It ends with the test.
func appOf(t testing.TB, environ []string) *app {
	t.Helper()
	a, err := newApp(t.Context(), loaded(t, environ), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	return a
}

func loaded(t testing.TB, environ config.Environ) *config.Config {
	t.Helper()
	cfg, _, err := config.Load(environ.Lookup, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// tokenOf returns the token that an account of a has now.
func tokenOf(t testing.TB, a *app, account string) secret.Secret {
	t.Helper()
	c, err := a.manager.Keeper(account, token.AccessToken).Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c.Value
}

// newWechat is a WeChat with the accounts shop and blog.
func newWechat(t testing.TB, change func(*wechattest.Options)) *wechattest.Server {
	t.Helper()
	return servetest.NewWeChat(t, change)
}
