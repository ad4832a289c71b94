package serve

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestHowFarTheHeapMayGrow(t *testing.T) {
	for _, c := range []struct {
		name  string
		live  uint64
		roots uint64
		since time.Duration
		want  int
	}{
		{"a small heap under load", 2 << 20, 0, 20 * time.Millisecond, 400},
		{"with stacks", 2 << 20, 2 << 20, 20 * time.Millisecond, 350},
		{"a larger one", 6 << 20, 0, 200 * time.Millisecond, 166},
		{"with many stacks", 6 << 20, 8 << 20, 200 * time.Millisecond, 100},
		{"a large one", 9 << 20, 0, 20 * time.Millisecond, 100},
		{"a huge one", 4 << 30, 0, 20 * time.Millisecond, 100},
		{"an idle proxy", 2 << 20, 0, 2 * time.Minute, 100},
		{"little to do", 2 << 20, 0, time.Second, 100},
		{"nothing is known", 0, 0, 0, 100},
	} {
		if got := gcPercent(c.live, c.roots, c.since); got != c.want {
			t.Errorf("%s: GOGC=%d, want %d", c.name, got, c.want)
		}
	}
}

// Under load the collector is told to wait, and at the end not any more.
func TestHeapIsTuned(t *testing.T) {
	now := func() int {
		percent := debug.SetGCPercent(100)
		debug.SetGCPercent(percent)
		return percent
	}
	t.Setenv("GOGC", "100")
	tuneHeap()() // the operator's own setting stays
	t.Setenv("GOGC", "")
	stop := tuneHeap()
	for end := time.Now().Add(patience); now() == 100; {
		runtime.GC()
		if time.Now().After(end) {
			t.Fatal("it is not tuned")
		}
	}
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	if metrics.Read(goal); goal[0].Value.Uint64() > busyHeap+busyHeap/8 {
		t.Errorf("the heap grows to %d bytes", goal[0].Value.Uint64())
	}
	stop()
	for range 3 {
		runtime.GC()
	}
	if percent := now(); percent != 100 {
		t.Errorf("GOGC=%d at the end", percent)
	}
}
