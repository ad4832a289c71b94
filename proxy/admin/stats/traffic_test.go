package stats

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestTraffic(t *testing.T) {
	t.Parallel()
	var s timeline
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
	if got := (&timeline{}).traffic(time.Unix(5, 0)); len(got.Calls) != 360 {
		t.Errorf("in 1970: %d steps", len(got.Calls))
	}
}

// p95 is the 95th percentile, not another one: 100 calls fall into a bucket each,
// and the figure is the time of the 95th. The same for p50 and p99.
func TestTrafficPercentiles(t *testing.T) {
	t.Parallel()
	var tl timeline
	took := make([]time.Duration, 100)
	for i := range took {
		took[i] = bucketMiddle(i + len(latency{}) - len(took))
	}
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(len(took)) {
		tl.add(&Call{At: noon, Took: 2 * took[i], Upstream: took[i]}, false)
	}
	got := tl.traffic(noon.Add(10 * time.Second))
	last := len(got.Calls) - 1
	for name, list := range map[string]Percentiles{"overhead": got.Overhead, "upstream": got.Upstream} {
		for percent, ms := range map[int]*float64{50: list.P50[last], 95: list.P95[last], 99: list.P99[last]} {
			nearest := 0
			for i, d := range took {
				if math.Abs(*ms-millis(d)) < math.Abs(*ms-millis(took[nearest])) {
					nearest = i
				}
			}
			if rank := nearest + 1; rank != percent {
				t.Errorf("%s: p%d is the time of the %dth of 100 calls", name, percent, rank)
			}
		}
	}
}
