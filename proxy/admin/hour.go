package admin

import (
	"sync/atomic"
	"time"
)

// hour counts calls, those of the last hour apart, to five minutes, without a
// lock.
type hour struct {
	calls, failed    spans
	ever, everFailed atomic.Uint64
}

func (h *hour) count(at time.Time, failed bool) {
	h.calls.add(at)
	h.ever.Add(1)
	if failed {
		h.failed.add(at)
		h.everFailed.Add(1)
	}
}

const (
	spanLength = 5 * time.Minute
	spanCount  = uint32(time.Hour / spanLength)
)

// spans is a ring of counters, one for each five minutes. The high half of
// each says which five minutes it counts: one atomic word, so that nothing is
// lost where the ring comes around.
type spans [spanCount]atomic.Uint64

func spanAt(at time.Time) uint32 { return uint32(at.Unix() / int64(spanLength/time.Second)) }

func (s *spans) add(at time.Time) {
	span := spanAt(at)
	slot := &s[span%spanCount]
	for {
		v := slot.Load()
		if uint32(v>>32) == span {
			slot.Add(1) // the slot changes hands an hour from now at the earliest
			return
		}
		if slot.CompareAndSwap(v, uint64(span)<<32|1) {
			return
		}
	}
}

func (s *spans) sum(now time.Time) uint64 {
	span, total := spanAt(now), uint64(0)
	for i := range s {
		if v := s[i].Load(); span-uint32(v>>32) < spanCount {
			total += v & (1<<32 - 1)
		}
	}
	return total
}
