package serve

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store/redistest"
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
