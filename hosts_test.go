package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// WECHAT_UPSTREAMS and WECOM_UPSTREAMS name two hosts that share no account and
// no token: the tokens, the tickets and the calls of an account must all go to
// the host of its platform.
func TestEachPlatformHasItsOwnHosts(t *testing.T) {
	const corpID, agentSecret = "ww0123456789abcdef", "agent-secret-agent-secret-agent"
	wechat := servetest.NewWeChat(t, func(o *wechattest.Options) {
		o.Accounts = append(o.Accounts, wechattest.Account{AppID: corpID, Secret: agentSecret, WeCom: true, AgentID: 7})
	})
	settings := filepath.Join(t.TempDir(), "proxy.yaml")
	servetest.WriteFile(t, settings, fmt.Sprintf(`
accounts:
  - {name: shop, app_id: %s, app_secret: %s}
  - {name: blog, app_id: %s, app_secret: %s, token_api: legacy}
  - {name: staff, kind: wecom, corp_id: %s, agent_id: 7, app_secret: %s}
`, servetest.ShopID, servetest.ShopSecret, servetest.BlogID, servetest.BlogSecret, corpID, agentSecret))
	variables := []string{
		"WECHAT_UPSTREAMS=" + wechat.URL, "WECOM_UPSTREAMS=" + wechat.WeComURL,
		"PROXY_CONFIG_FILE=" + settings,
	}
	// arrived returns the API calls that reached each host, as "platform appid
	// path". All of them must have succeeded.
	arrived := func(t *testing.T) []string {
		t.Helper()
		found := map[string]bool{}
		for _, c := range wechat.Seen() {
			if c.Path == "/" {
				continue // check asks whether the host is there
			}
			if c.Status != 200 || c.Errcode != 0 {
				t.Errorf("%s %s at the %s host: status %d, errcode %d", c.Method, c.Path, c.Platform, c.Status, c.Errcode)
			}
			found[fmt.Sprint(c.Platform, " ", c.AppID, " ", c.Path)] = true
		}
		return slices.Sorted(maps.Keys(found))
	}

	t.Run("serve", func(t *testing.T) {
		wechat.ResetLog()
		p, c := serveProcess(t, variables...), servetest.NewClient(t, nil)
		want := []string{
			"mp " + servetest.ShopID + " /cgi-bin/stable_token",
			"mp " + servetest.BlogID + " /cgi-bin/token",
			"wecom " + corpID + " /cgi-bin/gettoken",
		}
		for _, call := range []struct{ account, appID, target, arrives string }{
			{"shop", servetest.ShopID, "/cgi-bin/user/get", "mp"},
			{"shop", servetest.ShopID, "/cgi-bin/ticket/getticket?type=jsapi", "mp"},
			{"blog", servetest.BlogID, "/cgi-bin/user/get", "mp"},
			{"blog", servetest.BlogID, "/cgi-bin/ticket/getticket?type=wx_card", "mp"},
			{"staff", corpID, "/cgi-bin/user/get", "wecom"},
			{"staff", corpID, "/cgi-bin/get_jsapi_ticket", "wecom"},
			{"staff", corpID, "/cgi-bin/ticket/get?type=agent_config", "wecom"},
		} {
			if a := servetest.MustCall(t, c, "GET "+p.url+"/@"+call.account+call.target, ""); a.StatusCode != 200 || a.Code != 0 {
				t.Errorf("%s of %s: %s %s", call.target, call.account, a.Status, a.Body)
			}
			path, _, _ := strings.Cut(call.target, "?")
			want = append(want, call.arrives+" "+call.appID+" "+path)
		}
		slices.Sort(want)
		if got := arrived(t); !slices.Equal(got, want) {
			t.Errorf("arrived\n%q, want\n%q", got, want)
		}
	})
	t.Run("check", func(t *testing.T) {
		wechat.ResetLog()
		if p := startProcess(t, variables, "check"); p.exitCode() != 0 {
			t.Errorf("exit code %d:\n%s", p.exitCode(), p.stdout)
		}
		got := arrived(t)
		for _, want := range []string{"mp " + servetest.ShopID + " /cgi-bin/stable_token", "wecom " + corpID + " /cgi-bin/gettoken"} {
			if !slices.Contains(got, want) {
				t.Errorf("arrived\n%q, want %q among it", got, want)
			}
		}
	})
}
