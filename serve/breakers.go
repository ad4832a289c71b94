package serve

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// Bounds of a breakerLog.
const (
	breakerBacklog = 64              // changes that wait to be logged
	breakerFlush   = 1 * time.Second // for logging them at the end
)

// breakerLog logs changes of breakers in a goroutine of its own: whoever reads
// the log may be slow, and a breaker that waits for it stops all calls to its
// host.
type breakerLog struct {
	log     *slog.Logger
	changes chan breakerChange
	dropped atomic.Int64 // since the last line
	quit    chan struct{}
	ended   chan struct{}
}

type breakerChange struct{ host, from, to string }

func newBreakerLog(log *slog.Logger) *breakerLog {
	b := &breakerLog{log: log, changes: make(chan breakerChange, breakerBacklog), quit: make(chan struct{}), ended: make(chan struct{})}
	go b.run()
	return b
}

// add logs a change soon. It never blocks: a change is dropped, and counted, if
// too many wait already.
func (b *breakerLog) add(c breakerChange) {
	select {
	case b.changes <- c:
	default:
		b.dropped.Add(1)
	}
}

// run logs until close is called, and then what still waits.
func (b *breakerLog) run() {
	defer close(b.ended)
	for {
		select {
		case c := <-b.changes:
			b.write(c)
			continue
		case <-b.quit:
		}
		select {
		case c := <-b.changes:
			b.write(c)
		default:
			return
		}
	}
}

func (b *breakerLog) write(c breakerChange) {
	attrs := []any{"host", c.host, "step", c.from + " → " + c.to}
	if n := b.dropped.Swap(0); n > 0 {
		attrs = append(attrs, "hint", fmt.Sprintf("%d changes of breakers were not logged: the log was read too slowly", n))
	}
	b.log.Warn("breaker", attrs...)
}

// close ends the goroutine; a nil *breakerLog has none. It waits until all changes are logged, but not for
// long if nobody reads the log.
func (b *breakerLog) close() {
	if b == nil {
		return
	}
	close(b.quit)
	limit := time.NewTimer(breakerFlush)
	defer limit.Stop()
	select {
	case <-b.ended:
	case <-limit.C:
	}
}
