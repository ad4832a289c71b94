package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// The names in the API are stable: testdata/status.json has them all. -update
// writes it.
func TestStatusJSON(t *testing.T) {
	t.Parallel()
	a, _ := lived()
	got := parse[status](t, ask(t, a, "GET", "/api/status", ""))
	// Of the hour's steps the file has only the one with a call and its neighbours.
	at := slices.Index(got.Traffic.Calls, 1)
	for _, list := range []*[]uint64{&got.Traffic.Calls, &got.Traffic.Failed} {
		*list = (*list)[at-1 : at+2]
	}
	for _, q := range []*stats.Percentiles{&got.Traffic.Overhead, &got.Traffic.Upstream} {
		q.P50, q.P95, q.P99 = q.P50[at-1:at+2], q.P95[at-1:at+2], q.P99[at-1:at+2]
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "status.json")
	if *update {
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != text.String() {
		t.Errorf("%s differs from the answer; check, then write it with -update (%v)\n%s", path, err, &text)
	}
}

func TestStatusFindsAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i := range 300 {
		w.with(fmt.Sprintf("shop-%03d", i))
	}
	w.with("shop-150", expired).with("shop-151", func(s *token.Status) { s.Rogue = true }).with("shop-152", func(s *token.Status) { s.State = token.Stale })
	a := New(w.options())
	for _, c := range []struct {
		query    string
		matching int
		rows     []string // the first ones
		count    int
	}{
		{"", 300, []string{"shop-150", "shop-151", "shop-000", "shop-001"}, 50},
		{"?limit=200", 300, []string{"shop-150"}, 200},
		{"?limit=5000", 300, []string{"shop-150"}, 200},
		{"?limit=0", 300, nil, 0},
		{"?limit=-1&offset=-7", 300, []string{"shop-150"}, 50},
		{"?offset=290", 300, []string{"shop-290"}, 10},
		{"?offset=99999999999", 300, nil, 0},
		{"?offset=300", 300, nil, 0},
		{"?q=SHOP-15", 10, []string{"shop-150", "shop-151", "shop-152", "shop-153"}, 10},
		{"?q=wx-shop-299", 1, []string{"shop-299"}, 1},
		{"?q=nobody", 0, nil, 0},
		{"?state=down", 1, []string{"shop-150"}, 1},
		{"?state=warning", 1, []string{"shop-151"}, 1},
		{"?state=stale", 1, []string{"shop-152"}, 1},
		{"?state=stale&q=150", 0, nil, 0},
		{"?state=nonsense", 0, nil, 0},
	} {
		page := parse[status](t, ask(t, a, "GET", "/api/status"+c.query, "")).Accounts
		if page.Total != 300 || page.Matching != c.matching || len(page.Rows) != c.count {
			t.Errorf("%q: total %d, matching %d, %d rows", c.query, page.Total, page.Matching, len(page.Rows))
			continue
		}
		for i, name := range c.rows {
			if page.Rows[i].Name != name {
				t.Errorf("%q: row %d is %s, want %s", c.query, i, page.Rows[i].Name, name)
			}
		}
	}
}

func FuzzSelection(f *testing.F) {
	for _, s := range []string{"", "q=a&limit=10", "offset=-1", "limit=1e9", "q=%ff%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, _ := url.ParseQuery(text)
		q := selectionOf(v)
		if q.limit < 0 || q.limit > maxAccounts || q.offset < 0 || len(q.search) > 110 {
			t.Errorf("%q: %+v", text, q)
		}
	})
}

// No answer contains the admin key, or the mask that stands for a secret.
func TestAnswersHaveNoSecrets(t *testing.T) {
	t.Parallel()
	a, w := lived()
	w.key = secret.New(testKey)
	a2 := New(w.options())
	for _, admin := range []*Admin{a, a2} {
		for _, path := range []string{"/api/status", "/metrics", "/readyz", "/healthz", "/"} {
			if body := ask(t, admin, "GET", path, "", "Authorization", "Bearer "+testKey).Body.String(); strings.Contains(body, testKey) || strings.Contains(body, secret.Mask) {
				t.Errorf("%s contains a secret", path)
			}
		}
	}
}

func TestAnswersStaySmallUnderJunk(t *testing.T) {
	t.Parallel()
	a := New(newWorld().with("shop").options())
	for i := range 3000 {
		junk := fmt.Sprintf("junk-%d", i)
		a.Call(stats.Call{
			At: noon.Add(time.Duration(i) * time.Millisecond), Client: junk, Account: "shop", Class: junk, Path: "/" + strings.Repeat(junk, 1000),
			Method: junk, Status: i, Errcode: i + 1, Host: junk, Err: strings.Repeat("x", 10_000), ID: junk,
		})
		a.Call(stats.Call{At: noon, Account: junk, Class: "message", Status: 404})
		a.Breaker(junk, "closed", "open")
	}
	if n := ask(t, a, "GET", "/metrics", "").Body.Len(); n > 400<<10 {
		t.Errorf("metrics are %d bytes long", n)
	}
	if n := ask(t, a, "GET", "/api/status", "").Body.Len(); n > 200<<10 {
		t.Errorf("status is %d bytes long", n)
	}
}

func TestCallsAreCountedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld().with("shop")
	w.clients = []Client{{Name: "billing"}}
	a := New(w.options())
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 500 {
				a.Call(stats.Call{At: noon.Add(-time.Duration(i%600) * time.Second), Client: "billing", Account: "shop", Class: "user", Status: 200 + 300*(g%2), Took: time.Second, Upstream: time.Second})
			}
		})
	}
	all.Wait()
	s := parse[status](t, ask(t, a, "GET", "/api/status", ""))
	if row := s.Accounts.Rows[0]; row.Calls != 4000 || row.Failed != 2000 {
		t.Errorf("account: %d calls, %d failed", row.Calls, row.Failed)
	}
	if row := s.Clients.Rows[0]; row.Name != "billing" || row.Calls != 4000 || row.Failed != 2000 {
		t.Errorf("client %+v", row)
	}
	calls, failed := uint64(0), uint64(0)
	for i := range s.Traffic.Calls {
		calls, failed = calls+s.Traffic.Calls[i], failed+s.Traffic.Failed[i]
	}
	// The step under way, with 8 calls, is not shown.
	if calls != 4000-8 || failed != 2000-4 {
		t.Errorf("traffic: %d calls, %d failed", calls, failed)
	}
	text := ask(t, a, "GET", "/metrics", "").Body.String()
	for _, want := range []string{`class="user",errcode="0",status="200"} 2000`, `class="user",errcode="0",status="500"} 2000`, `result="ok"} 2000`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

// callsWithPercentiles counts 100 calls in the last full step: 90 took a
// millisecond, 5 ten, 4 a hundred, one a second; at WeChat twice as long.
func callsWithPercentiles(a *Admin, now time.Time) {
	for i := range 100 {
		took := time.Millisecond
		switch {
		case i >= 99:
			took = time.Second
		case i >= 95:
			took = 100 * time.Millisecond
		case i >= 90:
			took = 10 * time.Millisecond
		}
		a.Call(stats.Call{At: now.Add(-10 * time.Second), Account: "shop", Class: "user", Status: 200, Took: 3 * took, Upstream: 2 * took})
	}
}

func TestStatusHasThe95thPercentile(t *testing.T) {
	t.Parallel()
	a := New(newWorld().with("shop").options())
	callsWithPercentiles(a, noon)
	got := parse[struct {
		Traffic struct {
			Overhead map[string][]*float64 `json:"overhead_ms"`
			Upstream map[string][]*float64 `json:"upstream_ms"`
		} `json:"traffic"`
	}](t, ask(t, a, "GET", "/api/status", "")).Traffic
	for name, want := range map[string]float64{"p50": 1, "p95": 10, "p99": 100} {
		overhead, upstream := got.Overhead[name][359], got.Upstream[name][359]
		if overhead == nil || upstream == nil {
			t.Fatalf("%s is missing", name)
		}
		if math.Abs(*overhead-want) > 0.13*want || math.Abs(*upstream-2*want) > 0.13*2*want {
			t.Errorf("%s: overhead %v ms, upstream %v ms; want %v and %v, to an eighth", name, *overhead, *upstream, want, 2*want)
		}
	}
}
