package stats

import (
	"math"
	"testing"
	"time"
)

func TestLatencyIsRightToAnEighth(t *testing.T) {
	t.Parallel()
	for d := 4 * time.Microsecond; d < 2*time.Minute; d = d*21/20 + 1 {
		got := bucketMiddle(bucketOf(d))
		if off := math.Abs(float64(got-d)) / float64(d); off > 0.13 {
			t.Errorf("%v is taken for %v", d, got)
		}
	}
	for _, d := range []time.Duration{-1, 0, 1, time.Microsecond, 24 * time.Hour} {
		if i := bucketOf(d); i < 0 || i >= len(latency{}) {
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
