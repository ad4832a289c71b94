package serve

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store/redistest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// A start that fails at any step closes the store, which was opened first.
func TestAFailedStartClosesTheStore(t *testing.T) {
	wechat := servetest.NewWeChat(t, nil)
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, cfg *config.Config)
	}{
		{"an upstream that is no URL", func(_ *testing.T, cfg *config.Config) { cfg.Upstreams = []string{"::"} }},
		{"a trace endpoint that is no URL", func(t *testing.T, _ *config.Config) { t.Setenv(endpointVariable, "::") }},
		{"a rule that is no pattern", func(_ *testing.T, cfg *config.Config) { cfg.Deny = []string{"no-slash"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			redis := redistest.Start(t)
			cfg := loaded(t, servetest.Shop(wechat, "PROXY_TOKEN_STORE="+redis.URL))
			c.spoil(t, cfg)
			a, err := newApp(t.Context(), cfg, slog.New(slog.DiscardHandler))
			if err == nil {
				a.close()
				t.Fatal("it started")
			}
			servetest.Eventually(t, "no connection to Redis is left", func() bool { return connections(t, redis) == 0 })
		})
	}
}

// connections returns how many clients Redis has, besides the one that asks.
func connections(t *testing.T, redis *redistest.Server) int {
	t.Helper()
	conn, err := net.Dial("tcp", redis.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("CLIENT LIST\r\n")); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	var length int
	if _, err := fmt.Fscanf(in, "$%d\r\n", &length); err != nil {
		t.Fatal(err)
	}
	list := make([]byte, length)
	if _, err := io.ReadFull(in, list); err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(list), " laddr=") - 1
}

// Connections are kept ready to the hosts of those platforms that have accounts,
// also after a reload.
func TestOnlyHostsInUseAreKeptReady(t *testing.T) {
	wechat := servetest.NewWeChat(t, nil)
	cfg := loaded(t, servetest.Shop(wechat, "PROXY_WARM_CONNECTIONS=2"))
	staff := config.Account{Name: "staff", Kind: config.KindWeCom, AppID: "ww0123456789abcdef", AgentID: 1, Secret: cfg.Accounts[0].Secret, TokenAPI: cfg.Accounts[0].TokenAPI}
	mixed, wecom := *cfg, *cfg
	mixed.Accounts = append(slices.Clone(cfg.Accounts), staff)
	wecom.Accounts, wecom.DefaultAccount = []config.Account{staff}, ""
	a, err := newApp(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	for _, c := range []struct {
		name      string
		cfg       *config.Config
		mp, wecom int
	}{{"at the start", nil, 2, 0}, {"with WeCom", &mixed, 2, 2}, {"with WeCom alone", &wecom, 0, 2}, {"without WeCom", cfg, 2, 0}} {
		if c.cfg != nil {
			if err := a.apply(c.cfg); err != nil {
				t.Fatal(err)
			}
		}
		if mp, wecom := a.upstreams[errcode.MP].Status()[0].Wanted, a.upstreams[errcode.WeCom].Status()[0].Wanted; mp != c.mp || wecom != c.wecom {
			t.Errorf("%s: %d and %d are wanted, want %d and %d", c.name, mp, wecom, c.mp, c.wecom)
		}
	}
}
