package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/source"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store/redistest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// sdkToken has w give a token to an SDK, and forgets that.
func sdkToken(t *testing.T, w *wechattest.Server) string {
	t.Helper()
	c, err := source.NewClient(source.Options{Upstreams: []string{w.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Legacy(servetest.ShopID, secret.New(servetest.ShopSecret)).Fetch(t.Context(), token.FetchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	w.ResetLog()
	return got.Value.Reveal()
}

func TestAnImportedTokenIsNotFetched(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sdk string
		set func(tok string) [][]string
	}{
		{"WxJava", func(tok string) [][]string {
			return [][]string{{"SET", "wx:access_token:" + servetest.ShopID, tok, "EX", "7000"}}
		}},
		{"silenceper/wechat", func(tok string) [][]string {
			return [][]string{{"SET", "gowechat_officialaccount__access_token_" + servetest.ShopID, tok, "EX", "5600"}}
		}},
		{"wechatpy", func(tok string) [][]string {
			return [][]string{{"SET", "wechatpy:" + servetest.ShopID + "_access_token", `"` + tok + `"`, "EX", "7000"}}
		}},
	} {
		t.Run(c.sdk, func(t *testing.T) {
			t.Parallel()
			redis, w := redistest.Start(t), servetest.NewWeChat(t, nil)
			tok := sdkToken(t, w)
			for _, words := range c.set(tok) {
				redis.Command(t, words...)
			}
			environ := servetest.Shop(w, "WECHAT_TOKEN_API=legacy",
				"PROXY_TOKEN_STORE=file://"+filepath.Join(t.TempDir(), "tokens"), "PROXY_STORE_KEY="+strings.Repeat("A", 43)+"=")
			got := runWith(t.Context(), environ, "import", redis.URL)
			code, text := got.code, got.out+got.errors
			if code != exitOK || !strings.Contains(text, "access_token of default, found at "+c.set("")[0][1]) || !strings.Contains(text, "saved; the proxy uses it") {
				t.Errorf("exit code %d:\n%s", code, text)
			}
			if strings.Contains(text, tok) {
				t.Errorf("it prints the token:\n%s", text)
			}
			a := servetest.MustCall(t, servetest.NewClient(t, nil), "GET "+serveHere(t, environ...).url+"/cgi-bin/user/get", "")
			if calls := w.Seen(); a.Code != 0 || len(calls) != 1 || calls[0].Token != tok {
				t.Errorf("the proxy does not use the SDK's token: %s", a.Text)
			}
			if n := w.Count("token"); n != 0 {
				t.Errorf("%d fetches", n)
			}
		})
	}
}
