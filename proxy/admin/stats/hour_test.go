package stats

import (
	"testing"
	"time"
)

func TestHour(t *testing.T) {
	t.Parallel()
	var c callCounter
	c.add(noon, false)
	c.add(noon.Add(time.Minute), true)
	c.add(noon.Add(30*time.Minute), true)
	for _, row := range []struct {
		after         time.Duration
		calls, failed uint64
	}{{time.Minute, 2, 1}, {31 * time.Minute, 3, 2}, {54 * time.Minute, 3, 2}, {61 * time.Minute, 1, 1}, {2 * time.Hour, 0, 0}} {
		calls, failed := c.lastHour(noon.Add(row.after))
		if calls != row.calls && row.after != 31*time.Minute || failed != row.failed {
			t.Errorf("after %v: %d calls, %d failed", row.after, calls, failed)
		}
	}
	c.add(noon.Add(time.Hour), false) // the slot is used again
	if n := c.hour.sum(noon.Add(time.Hour)); n != 2 {
		t.Errorf("%d calls an hour later", n)
	}
	if c.total.Load() != 4 || c.totalFailed.Load() != 2 {
		t.Errorf("%d calls ever, %d failed", c.total.Load(), c.totalFailed.Load())
	}
}
