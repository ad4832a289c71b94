package admin

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

var update = flag.Bool("update", false, "write METRICS.md")

// lived returns an Admin that has seen one of everything.
func lived() (*Admin, *world) {
	w := newWorld().with("shop").with("game", expired, failing(refusedIP()))
	w.clients = []Client{{Name: "billing", Accounts: []string{"shop"}, Rules: 2, Rate: 50}}
	w.hosts = []Host{{errcode.MP, "api.weixin.qq.com", "closed", noon}, {errcode.MP, "api2.weixin.qq.com", "open", noon}}
	o := w.options()
	o.Quotas = func() []Quota { return []Quota{{"shop", "/cgi-bin/user/info", 5000000, 12, 4999988}} }
	a := New(o)
	key := token.Key{Account: "shop", Kind: token.AccessToken}
	a.Call(Call{
		At: noon.Add(-time.Minute), Client: "billing", Account: "shop", Platform: errcode.MP, Method: "POST", Class: "message", Path: "/cgi-bin/message/template/send",
		Status: 200, Errcode: 43004, RID: "617682e0-21ea79ab-3a4424cd", Host: "api.weixin.qq.com", Took: 52 * time.Millisecond, Upstream: 50 * time.Millisecond,
		Wait: time.Millisecond, Attempts: 2, Renewed: true, BytesIn: 10, BytesOut: 20, ID: "req-1",
	})
	a.Token(token.Event{Type: token.EventRenewal, Key: key, At: noon, Cause: token.CauseSchedule, Result: token.ResultRenewed, Took: 80 * time.Millisecond, Left: 2 * time.Hour})
	a.Token(token.Event{Type: token.EventRejection, Key: key, At: noon, Errcode: 40001, Step: "asked"})
	a.Token(token.Event{Type: token.EventStore, At: noon, Step: "down", Err: errors.New("dial: refused")})
	a.Breaker("api2.weixin.qq.com", "closed", "open")
	a.Reload("2 accounts, 1 client", nil)
	return a, w
}

// METRICS.md says what /metrics says: go test -run MetricsDoc -update.
func TestMetricsDoc(t *testing.T) {
	t.Parallel()
	a, _ := lived()
	want := metricsDoc(t, a)
	if *update {
		if err := os.WriteFile("METRICS.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("METRICS.md")
	if err != nil || string(got) != want {
		t.Errorf("METRICS.md is not what the code says; write it with -update (%v)", err)
	}
}

func metricsDoc(t *testing.T, a *Admin) string {
	families, err := a.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Metrics\n\nWhat `/metrics` on the admin address says. Written by `go test ./proxy/admin -run MetricsDoc -update`.\n\n" +
		"Labels hold configured names and numbers of WeChat's that are known (others are `other`), never anything a client sent. " +
		"A call that got no further than the door has the account `none`; clients without a name are `anonymous`. " +
		"Series of an account end when it is taken out of the settings.\n\n" +
		"| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), namespace) {
			continue
		}
		labels := []string{}
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, " "), f.GetHelp())
	}
	b.WriteString("\nAnd the usual `go_*` and `process_*` of the Prometheus client library.\n")
	return b.String()
}

// names returns the names of all metrics, as queries write them.
func names(t *testing.T, a *Admin) []string {
	families, err := a.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, f := range families {
		out = append(out, f.GetName())
		if f.GetType().String() == "HISTOGRAM" {
			out = append(out, f.GetName()+"_bucket", f.GetName()+"_sum", f.GetName()+"_count")
		}
	}
	return out
}

func TestMetricsFollowTheConventions(t *testing.T) {
	t.Parallel()
	a, _ := lived()
	text := ask(t, a, "GET", "/metrics", "").Body.String()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if _, err := exec.LookPath("promtool"); err != nil {
		missing(t, "promtool")
	}
	cmd := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func TestMetricsAreAllThere(t *testing.T) {
	t.Parallel()
	a, _ := lived()
	text := ask(t, a, "GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`wechat_proxy_requests_total{account="shop",class="message",errcode="43004",status="200"} 1`,
		`wechat_proxy_client_requests_total{client="billing",result="failed"} 1`,
		`wechat_proxy_retries_total{account="shop",reason="token_refused"} 1`,
		`wechat_proxy_renewals_total{account="shop",cause="schedule",kind="access_token",result="renewed"} 1`,
		`wechat_proxy_refusals_total{account="shop",errcode="40001",step="asked"} 1`,
		`wechat_proxy_credential_seconds_left{account="shop",kind="access_token"} 3600`,
		`wechat_proxy_credential_seconds_left{account="game",kind="access_token"} 0`,
		`wechat_proxy_credential_state{account="shop",kind="access_token"} 3`,
		`wechat_proxy_credential_failing{account="game",errcode="40164",kind="access_token"} 1`,
		`wechat_proxy_forced_renewals_left{account="shop"} 20`,
		`wechat_proxy_rogue{account="shop"} 0`,
		`wechat_proxy_breaker_state{host="api2.weixin.qq.com"} 2`,
		`wechat_proxy_accounts{health="down"} 1`,
		"wechat_proxy_ready 1", "wechat_proxy_store_up 1", "wechat_proxy_store_errors_total 1", "wechat_proxy_in_flight 0",
		`wechat_proxy_reloads_total{result="ok"} 1`,
		`wechat_proxy_upstream_seconds_count{host="api.weixin.qq.com"} 1`,
		"wechat_proxy_request_overhead_seconds_count 1",
		`wechat_proxy_build_info{go_version="go1.26.8",revision="abc1234",version="v1.2.3"} 1`,
		"go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestMetricsOfAnAccountEndWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, w := lived()
		w.set(func() {
			w.accounts = slices.DeleteFunc(w.accounts, func(a Account) bool { return a.Name == "shop" })
		})
		a.Reload("1 account", nil)
		if text := ask(t, a, "GET", "/metrics", "").Body.String(); strings.Contains(text, `account="shop"`) {
			t.Error("shop is still there")
		}
		time.Sleep(expositionLife)
		a.Call(Call{At: noon.Add(2 * time.Second), Account: "shop", Class: "message", Status: 200})
		if text := ask(t, a, "GET", "/metrics", "").Body.String(); !strings.Contains(text, `requests_total{account="other",`) {
			t.Error("a late call of its is not counted under other")
		}
	})
}
