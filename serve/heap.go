package serve

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	// busyHeap is how far the heap may grow between two garbage collections under
	// load, in bytes, where it would be collected at less: a live heap of 2 MiB at 4,
	// a hundred times a second. An idle proxy, and one whose live heap is larger than
	// half of this, is collected as Go does it by itself.
	busyHeap = 16 << 20
	// busyCycle: collections that follow each other so fast mean load.
	busyCycle = time.Second
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
	return func() {
		t.stopped.Store(true)
		debug.SetGCPercent(100)
	}
}

// heapTuner looks at the heap after each collection.
type heapTuner struct {
	stopped atomic.Bool

	last    time.Time // of the collection before; what follows is the finalizer's
	percent int
	sample  []metrics.Sample
}

// cycle is collected at once: its finalizer runs after each collection.
type cycle struct{ _ *int }

func (t *heapTuner) arm() {
	runtime.SetFinalizer(&cycle{}, func(*cycle) {
		if t.stopped.Load() {
			return
		}
		now := time.Now()
		metrics.Read(t.sample)
		want := gcPercent(t.sample[0].Value.Uint64(), t.sample[1].Value.Uint64()+t.sample[2].Value.Uint64(), now.Sub(t.last))
		if change := want - t.percent; change > t.percent/8 || change < -t.percent/8 {
			t.percent = want
			debug.SetGCPercent(want) // it stops the world for a moment
		}
		t.last = now
		t.arm()
	})
}

// gcPercent returns GOGC for a live heap of so many bytes, and roots that count
// like it (runtime/debug.SetGCPercent), where the collection before was so long ago.
func gcPercent(live, roots uint64, since time.Duration) int {
	if since >= busyCycle || live == 0 || live >= busyHeap/2 {
		return 100
	}
	return max(100, int(100*(busyHeap-live)/(live+roots)))
}
