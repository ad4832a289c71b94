package token

import (
	"testing"
	"time"
)

// A laptop that slept for an hour: its timers stood still, its tokens ended.
// Whatever is due, the scheduler looks at the wall clock at least every 15 s.
func TestTheSchedulerNeverSleepsLong(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // without a monotonic reading
	s := newScheduler()
	near, far := &Keeper{}, &Keeper{}
	s.set(far, now.Add(2*time.Hour))
	if k, wait := s.take(now); k != nil || wait != 15*time.Second {
		t.Errorf("due in two hours: sleeps %v, want 15s", wait)
	}
	s.set(near, now.Add(time.Second))
	if k, wait := s.take(now); k != nil || wait != time.Second {
		t.Errorf("due in a second: sleeps %v, want 1s", wait)
	}
	slept := now.Add(time.Hour)
	if k, _ := s.take(slept); k != near {
		t.Error("what fell due during the sleep is not taken")
	}
	if k, wait := s.take(slept); k != nil || wait != 15*time.Second {
		t.Errorf("due in another hour: sleeps %v, want 15s", wait)
	}
}
