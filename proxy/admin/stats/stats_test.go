package stats

import (
	"fmt"
	"iter"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// noon is when tests take place.
var noon = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)

// newStats returns Stats for one account, and the client billing.
func newStats(account string) *Stats {
	return New(Options{
		Accounts: func() iter.Seq2[string, errcode.Platform] {
			return maps.All(map[string]errcode.Platform{account: errcode.MP})
		},
		Clients: func() iter.Seq[string] { return slices.Values([]string{"billing"}) },
		Now:     func() time.Time { return noon },
	})
}

// metricsText returns what a scrape would read.
func metricsText(s *Stats) string {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(s.Registry(), promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	return w.Body.String()
}

func TestJunkIsBounded(t *testing.T) {
	t.Parallel()
	s := newStats("shop")
	for i := range 3000 {
		addJunk(s, i)
	}
	if n := len(s.Failures()); n != maxFailures {
		t.Errorf("%d failed calls are kept", n)
	}
	if n := len(s.Errcodes(noon.Add(time.Minute))); n != maxErrcodes {
		t.Errorf("%d errcodes are kept", n)
	}
	if n := len(s.Events()); n > maxNotable+maxRoutine {
		t.Errorf("%d events are kept", n)
	}
	if n := s.counters.series.Load(); n > maxAccountSeries*3+60 {
		t.Errorf("%d series", n)
	}
	if n := len(s.metrics.upstreamHosts.all()); n != maxHosts {
		t.Errorf("%d hosts", n)
	}
}

// addJunk adds a call and a breaker event in which every text is new.
func addJunk(s *Stats, i int) {
	junk := fmt.Sprintf("junk-%d", i)
	s.Call(Call{
		At: noon.Add(time.Duration(i) * time.Millisecond), Client: junk, Account: "shop", Class: junk, Path: "/" + strings.Repeat(junk, 1000),
		Method: junk, Status: i, Errcode: i + 1, Host: junk, Err: strings.Repeat("x", 10_000), ID: junk,
	})
	s.Call(Call{At: noon, Account: junk, Class: "message", Status: 404})
	s.Breaker(junk, "closed", "open")
}

func TestCallAllocatesNothing(t *testing.T) {
	s := newStats("shop")
	c := Call{At: noon, Client: "billing", Account: "shop", Class: "user", Status: 200, Host: "api.weixin.qq.com", Took: time.Second, Upstream: time.Second, Wait: time.Second, BytesIn: 1, BytesOut: 1}
	if n := testing.AllocsPerRun(100, func() { s.Call(c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCall(b *testing.B) {
	s := newStats("shop")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := Call{At: noon, Account: "shop", Class: "user", Status: 200, Host: "api.weixin.qq.com", Took: time.Second, Upstream: time.Second}
		for pb.Next() {
			s.Call(c)
		}
	})
}
