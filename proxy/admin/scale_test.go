package admin

import (
	"fmt"
	"testing"
)

// BenchmarkTenThousandAccounts says what one look costs where there are many.
func BenchmarkTenThousandAccounts(b *testing.B) {
	w := newWorld()
	for i := range 10_000 {
		w.with(fmt.Sprintf("account-%05d", i))
	}
	a := New(w.options())
	for i := range 10_000 {
		a.Call(Call{At: noon, Account: fmt.Sprintf("account-%05d", i), Class: "user", Status: 200})
	}
	for _, path := range []string{"/readyz", "/api/status", "/api/status?q=0999", "/metrics"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				a.rosters.stale()
				if got := ask(b, a, "GET", path, ""); got.Code != 200 {
					b.Fatal(got.Code)
				}
			}
		})
	}
}
