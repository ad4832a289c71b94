package admin

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestJunkIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld().with("shop")
	a := New(w.options())
	for i := range 3000 {
		junk := fmt.Sprintf("junk-%d", i)
		a.Call(Call{
			At: noon.Add(time.Duration(i) * time.Millisecond), Client: junk, Account: "shop", Class: junk, Path: "/" + strings.Repeat(junk, 1000),
			Method: junk, Status: i, Errcode: i + 1, Host: junk, Err: strings.Repeat("x", 10_000), ID: junk,
		})
		a.Call(Call{At: noon, Account: junk, Class: "message", Status: 404})
		a.Breaker(junk, "closed", "open")
	}
	if n := len(a.failures.newestFirst()); n != mostFailures {
		t.Errorf("%d failed calls are kept", n)
	}
	if n := len(a.errcodes.rows(noon.Add(time.Minute))); n != mostErrcodes {
		t.Errorf("%d errcodes are kept", n)
	}
	if n := len(a.events.rows()); n > mostNotable+mostRoutine {
		t.Errorf("%d events are kept", n)
	}
	if n := a.directory.series.Load(); n > seriesPerAccount*3+60 {
		t.Errorf("%d series", n)
	}
	if n := len(a.metrics.hosts.all()); n != mostHosts {
		t.Errorf("%d hosts", n)
	}
	if n := ask(t, a, "GET", "/metrics", "").Body.Len(); n > 400<<10 {
		t.Errorf("metrics are %d bytes long", n)
	}
	if n := ask(t, a, "GET", "/api/status", "").Body.Len(); n > 200<<10 {
		t.Errorf("status is %d bytes long", n)
	}
}

func TestTenThousandAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i := range 10_000 {
		w.with(fmt.Sprintf("account-%05d", i))
	}
	a := New(w.options())
	for i := range 10_000 {
		a.Call(Call{At: noon, Account: fmt.Sprintf("account-%05d", i), Class: "message", Status: 200})
	}
	if n := ask(t, a, "GET", "/api/status?limit=100000", "").Body.Len(); n > 200<<10 {
		t.Errorf("status is %d bytes long", n)
	}
	if n := strings.Count(ask(t, a, "GET", "/metrics", "").Body.String(), "\n"); n > 75_000 {
		t.Errorf("metrics have %d lines", n)
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
				a.Call(Call{At: noon.Add(-time.Duration(i%600) * time.Second), Client: "billing", Account: "shop", Class: "user", Status: 200 + 300*(g%2), Took: time.Second, Upstream: time.Second})
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
	// The step under way is not shown: 8 calls of the very last moment.
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

// A call that went well must cost next to nothing.
func TestCallAllocatesNothing(t *testing.T) {
	w := newWorld().with("shop")
	w.clients = []Client{{Name: "billing"}}
	a := New(w.options())
	c := Call{At: noon, Client: "billing", Account: "shop", Class: "user", Status: 200, Host: "api.weixin.qq.com", Took: time.Second, Upstream: time.Second, Wait: time.Second, BytesIn: 1, BytesOut: 1}
	if n := testing.AllocsPerRun(100, func() { a.Call(c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCall(b *testing.B) {
	w := newWorld().with("shop")
	a := New(w.options())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := Call{At: noon, Account: "shop", Class: "user", Status: 200, Host: "api.weixin.qq.com", Took: time.Second, Upstream: time.Second}
		for pb.Next() {
			a.Call(c)
		}
	})
}
