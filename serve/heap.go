package serve

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// busyHeap is how far the heap grows under load before it is collected, in bytes.
	// Go alone would collect a live heap of 2 MiB at 4 MiB, a hundred times a second.
	// It does so where there is little load, or the live heap is large.
	busyHeap = 16 << 20
	// busyCycle: with GOGC=100, collections that follow each other so fast mean load.
	busyCycle = time.Second
	// mostPercent is the largest GOGC: Go never collects below 4 MiB times GOGC / 100.
	mostPercent = 100 * busyHeap / (4 << 20)
)

// tuneHeap makes the collector spare the processor under load, until stop is
// called. It does nothing if the operator has set GOGC.
func tuneHeap() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	t := &heapTuner{last: time.Now(), percent: 100, sample: []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}}
	t.arm()
	return t.stop
}

// heapTuner looks at the heap after each collection.
type heapTuner struct {
	mu      sync.Mutex
	stopped bool
	last    time.Time // of the collection before
	percent int
	sample  []metrics.Sample
}

func (t *heapTuner) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	debug.SetGCPercent(100)
}

// cycle is collected at once: its finalizer runs after each collection.
type cycle struct{ _ *int }

func (t *heapTuner) arm() {
	runtime.SetFinalizer(&cycle{}, func(*cycle) { t.look(time.Now()) })
}

func (t *heapTuner) look(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return
	}
	metrics.Read(t.sample)
	since := now.Sub(t.last) * 100 / time.Duration(t.percent) // as it would have been with GOGC=100
	want := gcPercent(t.sample[0].Value.Uint64(), t.sample[1].Value.Uint64()+t.sample[2].Value.Uint64(), since)
	if change := want - t.percent; change > t.percent/8 || change < -t.percent/8 {
		t.percent = want
		debug.SetGCPercent(want) // it stops the world for a moment
	}
	t.last = now
	t.arm()
}

// gcPercent returns GOGC for a live heap of so many bytes, and roots that count
// like it (runtime/debug.SetGCPercent), where with GOGC=100 the collection before
// would have been so long ago.
func gcPercent(live, roots uint64, since time.Duration) int {
	if since >= busyCycle || live == 0 || live >= busyHeap/2 {
		return 100
	}
	return min(mostPercent, max(100, int(100*(busyHeap-live)/(live+roots))))
}
