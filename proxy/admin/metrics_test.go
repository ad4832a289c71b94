package admin

import (
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
)

var update = flag.Bool("update", false, "write METRICS.md and testdata/status.json")

// METRICS.md lists the metrics: go test -run MetricsDoc -update.
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
		t.Errorf("METRICS.md is out of date; write it with -update (%v)", err)
	}
}

func metricsDoc(t *testing.T, a *Admin) string {
	families, err := a.stats.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Metrics\n\nThe metrics of `/metrics` on the admin address. Written by `go test ./proxy/admin -run MetricsDoc -update`.\n\n" +
		"Label values are configured names and known errcodes (anything else is `other`), never what a client sent. " +
		"Calls that are refused before an account is chosen have the account `none`; clients without a name are `anonymous`. " +
		"The series of an account end when it is removed from the settings.\n\n" +
		"| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), stats.Namespace) {
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
	families, err := a.stats.Registry().Gather()
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
		`wechat_proxy_upstream_calls{host="api.weixin.qq.com"} 2`,
		`wechat_proxy_upstream_connections_idle{host="api.weixin.qq.com"} 3`,
		`wechat_proxy_upstream_connections_wanted{host="api.weixin.qq.com"} 4`,
		`wechat_proxy_upstream_connections_ahead_total{host="api.weixin.qq.com"} 5`,
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
		a.Call(stats.Call{At: noon.Add(2 * time.Second), Account: "shop", Class: "message", Status: 200})
		if text := ask(t, a, "GET", "/metrics", "").Body.String(); !strings.Contains(text, `requests_total{account="other",`) {
			t.Error("a late call of its is not counted under other")
		}
	})
}

// Clients that do not read their answer do not block others.
func TestSlowReadersDoNotBlockMetrics(t *testing.T) {
	t.Parallel()
	a, _ := lived()
	var readers sync.WaitGroup
	defer readers.Wait()
	release := make(chan struct{})
	defer close(release)
	for range 10 {
		w := &stuck{ResponseRecorder: httptest.NewRecorder(), writing: make(chan struct{}), release: release}
		readers.Go(func() { a.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil)) })
		<-w.writing
	}
	if got := ask(t, a, "GET", "/metrics", ""); got.Code != 200 || !strings.Contains(got.Body.String(), "wechat_proxy_ready 1") {
		t.Errorf("%d", got.Code)
	}
}

// stuck is a writer whose client does not read.
type stuck struct {
	*httptest.ResponseRecorder
	once             sync.Once
	writing, release chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	s.once.Do(func() { close(s.writing) })
	<-s.release
	return len(b), nil
}

func TestMetricsAreCachedForASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, w := lived()
		ask(t, a, "GET", "/metrics", "")
		w.set(func() { w.inFlight = 7 })
		if text := ask(t, a, "GET", "/metrics", "").Body.String(); !strings.Contains(text, "wechat_proxy_in_flight 0") {
			t.Error("it was made again at once")
		}
		time.Sleep(time.Second)
		if text := ask(t, a, "GET", "/metrics", "").Body.String(); !strings.Contains(text, "wechat_proxy_in_flight 7") {
			t.Error("it is not up to date")
		}
	})
}

func TestMetricsAreCompressed(t *testing.T) {
	t.Parallel()
	a, _ := lived()
	for accept, want := range map[string]string{
		"": "", "gzip": "gzip", "deflate, GZIP;q=0.5": "gzip", "gzip;q=0": "", "gzip; q=0.0, identity": "", "br": "",
	} {
		got := ask(t, a, "GET", "/metrics", "", "Accept-Encoding", accept, "Accept", "application/openmetrics-text")
		if h := got.Header().Get("Content-Encoding"); h != want || !strings.HasPrefix(got.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%q: Content-Encoding %q, Content-Type %q", accept, h, got.Header().Get("Content-Type"))
			continue
		}
		body := io.Reader(got.Body)
		if want == "gzip" {
			var err error
			if body, err = gzip.NewReader(got.Body); err != nil {
				t.Fatal(err)
			}
		}
		if text, err := io.ReadAll(body); err != nil || !strings.Contains(string(text), "wechat_proxy_ready 1") {
			t.Errorf("%q: %v", accept, err)
		}
	}
}
