package admin

import (
	"sync/atomic"
	"time"
)

const (
	seriesStep  = 10 * time.Second
	seriesSteps = 361 // an hour, and the step under way
)

// series is the last hour in steps of ten seconds, all calls together.
type series [seriesSteps]atomic.Pointer[window]

// window is one step of it.
type window struct {
	number             int64 // of ten seconds since 1970
	calls, failed      atomic.Uint64
	broken             atomic.Uint64 // failed for no fault of the caller's
	overhead, upstream latency
}

func windowNumber(at time.Time) int64 { return at.Unix() / int64(seriesStep/time.Second) }

// window returns the step that at is in, a new one where the ring has come
// around. A call that arrives in that moment may be counted in the step that
// is thrown away.
func (s *series) window(number int64) *window {
	slot := &s[number%seriesSteps]
	for {
		w := slot.Load()
		if w != nil && w.number >= number {
			return w
		}
		if next := (&window{number: number}); slot.CompareAndSwap(w, next) {
			return next
		}
	}
}

func (s *series) add(c *Call, failed bool) {
	w := s.window(max(0, windowNumber(c.At)))
	w.calls.Add(1)
	if failed {
		w.failed.Add(1)
	}
	if c.broken() {
		w.broken.Add(1)
	}
	w.overhead.add(c.overhead())
	if c.Upstream > 0 {
		w.upstream.add(c.Upstream)
	}
}

// traffic is the last hour in equal steps, oldest first, without the one that
// is under way. All lists have the same length. A quantile is null where
// nothing was measured.
type traffic struct {
	// Start is when the first step began.
	Start       time.Time `json:"start"`
	StepSeconds int       `json:"step_seconds"`
	// Calls and Failed count the calls that were finished in each step. Failed are
	// those that were answered with a status of 400 or more, or an errcode.
	Calls  []uint64 `json:"calls"`
	Failed []uint64 `json:"failed"`
	// Overhead is the time the proxy took for itself, Upstream the time WeChat
	// took, both in milliseconds.
	Overhead quantiles `json:"overhead_ms"`
	Upstream quantiles `json:"upstream_ms"`
}

// quantiles are lists of milliseconds: half, 95 and 99 of 100 calls took no
// longer.
type quantiles struct {
	P50 []*float64 `json:"p50"`
	P95 []*float64 `json:"p95"`
	P99 []*float64 `json:"p99"`
}

func (q *quantiles) add(l *latency) {
	var p50, p95, p99 *float64
	if l != nil {
		if d := l.quantiles(0.5, 0.95, 0.99); d != nil {
			p50, p95, p99 = millis(d[0]), millis(d[1]), millis(d[2])
		}
	}
	q.P50, q.P95, q.P99 = append(q.P50, p50), append(q.P95, p95), append(q.P99, p99)
}

// millis returns d in milliseconds, to three digits behind the point.
func millis(d time.Duration) *float64 {
	return new(float64(d.Round(time.Microsecond).Microseconds()) / 1000)
}

// traffic returns the steps of the hour before now.
func (s *series) traffic(now time.Time) traffic {
	last := max(windowNumber(now)-1, seriesSteps)
	first := last - (seriesSteps - 1) + 1
	t := traffic{
		Start:       time.Unix(first*int64(seriesStep/time.Second), 0).UTC(),
		StepSeconds: int(seriesStep / time.Second),
	}
	for n := first; n <= last; n++ {
		w := s[n%seriesSteps].Load()
		if w == nil || w.number != n {
			t.Calls, t.Failed = append(t.Calls, 0), append(t.Failed, 0)
			t.Overhead.add(nil)
			t.Upstream.add(nil)
			continue
		}
		t.Calls, t.Failed = append(t.Calls, w.calls.Load()), append(t.Failed, w.failed.Load())
		t.Overhead.add(&w.overhead)
		t.Upstream.add(&w.upstream)
	}
	return t
}

// lastMinute returns the calls of the last full minute of steps and of the one
// under way: all, and those that failed for no fault of the caller's.
func (s *series) lastMinute(now time.Time) (calls, broken uint64) {
	last := windowNumber(now)
	for n := max(0, last-int64(time.Minute/seriesStep)); n <= last; n++ {
		if w := s[n%seriesSteps].Load(); w != nil && w.number == n {
			broken += w.broken.Load() // read first: it never exceeds calls
			calls += w.calls.Load()
		}
	}
	return calls, broken
}

// rate returns the calls, and the failed ones, per second of the last full
// step.
func (s *series) rate(now time.Time) (calls, failed float64) {
	n := windowNumber(now) - 1
	if n < 0 {
		return 0, 0
	}
	w := s[n%seriesSteps].Load()
	if w == nil || w.number != n {
		return 0, 0
	}
	step := seriesStep.Seconds()
	return float64(w.calls.Load()) / step, float64(w.failed.Load()) / step
}
