package admin

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
)

// BenchmarkTenThousandAccounts measures answers that need a new snapshot.
func BenchmarkTenThousandAccounts(b *testing.B) {
	w := newWorld()
	for i := range 10_000 {
		w.with(fmt.Sprintf("account-%05d", i))
	}
	a := New(w.options())
	for i := range 10_000 {
		a.Call(stats.Call{At: noon, Account: fmt.Sprintf("account-%05d", i), Class: "user", Status: 200})
	}
	for _, path := range []string{"/readyz", "/api/status", "/api/status?q=0999", "/metrics"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				a.snapshots.invalidate()
				if got := ask(b, a, "GET", path, ""); got.Code != 200 {
					b.Fatal(got.Code)
				}
			}
		})
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
		a.Call(stats.Call{At: noon, Account: fmt.Sprintf("account-%05d", i), Class: "message", Status: 200})
	}
	if n := ask(t, a, "GET", "/api/status?limit=100000", "").Body.Len(); n > 200<<10 {
		t.Errorf("status is %d bytes long", n)
	}
	if n := strings.Count(ask(t, a, "GET", "/metrics", "").Body.String(), "\n"); n > 75_000 {
		t.Errorf("metrics have %d lines", n)
	}
}
