package proxy

import (
	"testing"
	"time"
)

func TestGoodCallsAreSampledAtHighRates(t *testing.T) {
	var s sampler
	now := time.Unix(1_800_000_000, 0)
	lines, calls := 0, 0
	for range 1000 {
		if w := s.weight(now); w > 0 {
			lines, calls = lines+1, calls+w
		}
	}
	if lines != 208 || calls != 1000 {
		t.Errorf("%d lines stand for %d calls of 1000", lines, calls)
	}
	if s.weight(now.Add(time.Second)) != 1 {
		t.Error("the next second does not begin anew")
	}
}
