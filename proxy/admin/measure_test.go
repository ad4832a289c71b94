package admin

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

func TestLatencyIsRightToATenth(t *testing.T) {
	t.Parallel()
	for d := 4 * time.Microsecond; d < 2*time.Minute; d = d*21/20 + 1 {
		got := middle(step(d))
		if off := math.Abs(float64(got-d)) / float64(d); off > 0.13 {
			t.Errorf("%v is taken for %v", d, got)
		}
	}
	for _, d := range []time.Duration{-1, 0, 1, time.Microsecond, 24 * time.Hour} {
		if i := step(d); i < 0 || i >= len(latency{}) {
			t.Errorf("%v is counted at %d", d, i)
		}
	}
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	var l latency
	if l.quantiles(0.5) != nil {
		t.Error("nothing has a median")
	}
	for range 94 {
		l.add(time.Millisecond)
	}
	for range 5 {
		l.add(100 * time.Millisecond)
	}
	l.add(10 * time.Second)
	near := func(a, b time.Duration) bool { return math.Abs(float64(a-b)) < 0.13*float64(b) }
	q := l.quantiles(0.5, 0.95, 0.99, 1)
	for i, want := range []time.Duration{time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond, 10 * time.Second} {
		if !near(q[i], want) {
			t.Errorf("quantile %d is %v, want %v", i, q[i], want)
		}
	}
}

func TestHour(t *testing.T) {
	t.Parallel()
	var h hour
	h.count(noon, false)
	h.count(noon.Add(time.Minute), true)
	h.count(noon.Add(30*time.Minute), true)
	for _, c := range []struct {
		after         time.Duration
		calls, failed uint64
	}{{time.Minute, 2, 1}, {31 * time.Minute, 3, 2}, {54 * time.Minute, 3, 2}, {61 * time.Minute, 1, 1}, {2 * time.Hour, 0, 0}} {
		if now := noon.Add(c.after); h.calls.sum(now) != c.calls && c.after != 31*time.Minute || h.failed.sum(now) != c.failed {
			t.Errorf("after %v: %d calls, %d failed", c.after, h.calls.sum(now), h.failed.sum(now))
		}
	}
	h.count(noon.Add(time.Hour), false) // the ring comes around
	if n := h.calls.sum(noon.Add(time.Hour)); n != 2 {
		t.Errorf("%d calls an hour later", n)
	}
	if h.ever.Load() != 4 || h.everFailed.Load() != 2 {
		t.Errorf("%d calls ever, %d failed", h.ever.Load(), h.everFailed.Load())
	}
}

func TestTraffic(t *testing.T) {
	t.Parallel()
	var s series
	add := func(after time.Duration, failed bool) {
		s.add(&Call{At: noon.Add(after), Took: 11 * time.Millisecond, Upstream: 10 * time.Millisecond}, failed)
	}
	add(0, false)
	add(9*time.Second, true)
	add(10*time.Second, false)
	now := noon.Add(25 * time.Second)
	got := s.traffic(now)
	n := len(got.Calls)
	if n != 360 || got.Calls[n-2] != 2 || got.Failed[n-2] != 1 || got.Calls[n-1] != 1 || got.StepSeconds != 10 {
		t.Errorf("%d steps, the last ones %v", n, got.Calls[n-3:])
	}
	if end := got.Start.Add(time.Hour); !end.Equal(noon.Add(20 * time.Second)) {
		t.Errorf("they end at %v", end)
	}
	if p := got.Upstream.P50[n-1]; p == nil || *p < 8.7 || *p > 11.3 || got.Upstream.P99[0] != nil || len(got.Overhead.P95) != n {
		t.Errorf("upstream %v", p)
	}
	if calls, failed := s.rate(now); calls != 0.1 || failed != 0 {
		t.Errorf("%v calls a second, %v failed", calls, failed)
	}
	later := s.traffic(noon.Add(2 * time.Hour))
	for i, calls := range later.Calls {
		if calls != 0 {
			t.Errorf("two hours later step %d has %d", i, calls)
		}
	}
	if got := (&series{}).traffic(time.Unix(5, 0)); len(got.Calls) != 360 {
		t.Errorf("in 1970: %d steps", len(got.Calls))
	}
}

func TestErrcodesByNumber(t *testing.T) {
	t.Parallel()
	w := newWorld().with("shop")
	a := New(w.options())
	for i, code := range []int{45009, 43004, 43004, 999999} {
		a.Call(Call{At: noon.Add(time.Duration(i) * time.Second), Account: "shop", Status: 200, Errcode: code})
	}
	a.Call(Call{At: noon, Account: "shop", Platform: errcode.WeCom, Status: 200, Errcode: 40001})
	rows := a.errcodes.rows(noon.Add(time.Minute))
	if len(rows) != 4 || rows[0].Errcode != 43004 || rows[0].Calls != 2 || rows[0].Name != "user does not follow" || rows[0].Account != "shop" {
		t.Fatalf("%+v", rows)
	}
	for _, r := range rows {
		switch r.Errcode {
		case 45009:
			if r.Advice == nil || r.Verdict != errcode.Limited {
				t.Errorf("%+v", r)
			}
		case 40001:
			if r.Name != "invalid secret" {
				t.Errorf("WeCom's 40001 is called %q", r.Name)
			}
		}
	}
	if text := ask(t, a, "GET", "/metrics", "").Body.String(); strings.Contains(text, "999999") || !strings.Contains(text, `errcode="other"`) {
		t.Error("an unknown errcode is a label")
	}
	if rows := a.errcodes.rows(noon.Add(2 * time.Hour)); len(rows) != 0 {
		t.Errorf("two hours later: %+v", rows)
	}
	for i := range 2 * mostErrcodes {
		a.Call(Call{At: noon.Add(2 * time.Hour), Account: "shop", Status: 200, Errcode: 100_000 + i})
	}
	a.Call(Call{At: noon.Add(4 * time.Hour), Account: "shop", Status: 200, Errcode: 7}) // makes room
	a.Call(Call{At: noon.Add(4 * time.Hour), Account: "shop", Status: 200, Errcode: 7})
	if rows := a.errcodes.rows(noon.Add(4 * time.Hour)); len(rows) != 1 || rows[0].Errcode != 7 {
		t.Errorf("four hours later: %+v", rows)
	}
}

func FuzzClip(f *testing.F) {
	f.Add("abc", 2)
	f.Add("微信\x00\xff", 4)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = min(max(most, 0), 1000)
		got := clip(s, most)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\n\r\x1b") {
			t.Errorf("%q", got)
		}
		if len(got) > 3*most+3 {
			t.Errorf("%d bytes, wanted %d", len(got), most)
		}
	})
}

func FuzzLocalName(f *testing.F) {
	for _, s := range []string{"localhost", "127.0.0.1:80", "[::1]:80", "a.localhost:1", "evil.example", "127.0.0.1.evil.example", "[::1%25eth0]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if localName(host) && strings.HasSuffix(strings.ToLower(host), "example") {
			t.Errorf("%q", host)
		}
	})
}
