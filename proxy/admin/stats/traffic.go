package stats

import (
	"sync/atomic"
	"time"
)

const (
	stepLength = 10 * time.Second
	stepCount  = 361 // an hour, and the step under way
)

// timeline is the last hour in steps of ten seconds, all calls together.
type timeline [stepCount]atomic.Pointer[step]

// step is what happened in ten seconds.
type step struct {
	number             int64 // of ten seconds since 1970
	calls, failed      atomic.Uint64
	faults             atomic.Uint64 // failed through no fault of the caller's
	overhead, upstream latency
}

func stepNumber(at time.Time) int64 { return at.Unix() / int64(stepLength/time.Second) }

// step returns the step with a number; a new one replaces that of an hour ago.
// A call that arrives in that moment may be counted in the one that is dropped.
func (t *timeline) step(number int64) *step {
	slot := &t[number%stepCount]
	for {
		s := slot.Load()
		if s != nil && s.number >= number {
			return s
		}
		if next := (&step{number: number}); slot.CompareAndSwap(s, next) {
			return next
		}
	}
}

// get returns the step with a number, nil if no call was counted in it.
func (t *timeline) get(number int64) *step {
	if number < 0 {
		return nil
	}
	if s := t[number%stepCount].Load(); s != nil && s.number == number {
		return s
	}
	return nil
}

func (t *timeline) add(c *Call, failed bool) {
	s := t.step(max(0, stepNumber(c.At)))
	s.calls.Add(1)
	if failed {
		s.failed.Add(1)
	}
	if c.fault() {
		s.faults.Add(1)
	}
	s.overhead.add(c.overhead())
	if c.Upstream > 0 {
		s.upstream.add(c.Upstream)
	}
}

// Traffic is the last hour in equal steps, oldest first, without the one that
// is under way. All lists have the same length. A percentile is null if nothing
// was measured.
type Traffic struct {
	// Start is when the first step began.
	Start       time.Time `json:"start"`
	StepSeconds int       `json:"step_seconds"`
	// Calls and Failed count the calls that were finished in each step. Failed are
	// those that were answered with a status of 400 or more, or an errcode.
	Calls  []uint64 `json:"calls"`
	Failed []uint64 `json:"failed"`
	// Overhead is the time the proxy took for itself, Upstream the time WeChat
	// took, both in milliseconds.
	Overhead Percentiles `json:"overhead_ms"`
	Upstream Percentiles `json:"upstream_ms"`
}

// Percentiles are lists of milliseconds: 50, 95 and 99 of 100 calls took no
// longer.
type Percentiles struct {
	P50 []*float64 `json:"p50"`
	P95 []*float64 `json:"p95"`
	P99 []*float64 `json:"p99"`
}

func (p *Percentiles) add(l *latency) {
	var p50, p95, p99 *float64
	if l != nil {
		if d := l.quantiles(0.5, 0.95, 0.99); d != nil {
			p50, p95, p99 = new(millis(d[0])), new(millis(d[1])), new(millis(d[2]))
		}
	}
	p.P50, p.P95, p.P99 = append(p.P50, p50), append(p.P95, p95), append(p.P99, p99)
}

// millis returns d in milliseconds, rounded to microseconds.
func millis(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond).Microseconds()) / 1000
}

// traffic returns the steps of the hour before now.
func (t *timeline) traffic(now time.Time) Traffic {
	last := max(stepNumber(now)-1, stepCount)
	first := last - (stepCount - 1) + 1
	out := Traffic{
		Start:       time.Unix(first*int64(stepLength/time.Second), 0).UTC(),
		StepSeconds: int(stepLength / time.Second),
	}
	for n := first; n <= last; n++ {
		s := t.get(n)
		if s == nil {
			out.Calls, out.Failed = append(out.Calls, 0), append(out.Failed, 0)
			out.Overhead.add(nil)
			out.Upstream.add(nil)
			continue
		}
		out.Calls, out.Failed = append(out.Calls, s.calls.Load()), append(out.Failed, s.failed.Load())
		out.Overhead.add(&s.overhead)
		out.Upstream.add(&s.upstream)
	}
	return out
}

// lastMinute counts the last full minute of steps and the one under way.
func (t *timeline) lastMinute(now time.Time) (calls, faults uint64) {
	last := stepNumber(now)
	for n := last - int64(time.Minute/stepLength); n <= last; n++ {
		if s := t.get(n); s != nil {
			faults += s.faults.Load() // read first: it never exceeds calls
			calls += s.calls.Load()
		}
	}
	return calls, faults
}

// rate returns calls and failed calls per second of the last full step.
func (t *timeline) rate(now time.Time) (calls, failed float64) {
	s := t.get(stepNumber(now) - 1)
	if s == nil {
		return 0, 0
	}
	seconds := stepLength.Seconds()
	return float64(s.calls.Load()) / seconds, float64(s.failed.Load()) / seconds
}
