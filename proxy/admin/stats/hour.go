package stats

import (
	"sync/atomic"
	"time"
)

// callCounter counts calls: all of them, and those of the last hour to five
// minutes. It takes no lock.
type callCounter struct {
	hour, hourFailed   lastHour
	total, totalFailed atomic.Uint64
}

func (c *callCounter) add(at time.Time, failed bool) {
	c.hour.add(at)
	c.total.Add(1)
	if failed {
		c.hourFailed.add(at)
		c.totalFailed.Add(1)
	}
}

func (c *callCounter) lastHour(now time.Time) (calls, failed uint64) {
	return c.hour.sum(now), c.hourFailed.sum(now)
}

const (
	slotLength = 5 * time.Minute
	slotCount  = uint32(time.Hour / slotLength)
)

// lastHour is a ring of counters, one for each five minutes. The high half of
// each says which five minutes it counts: one atomic word, so that no call is
// lost when a slot is used again.
type lastHour [slotCount]atomic.Uint64

// slotNumber numbers the five minutes since 1970.
func slotNumber(at time.Time) uint32 { return uint32(at.Unix() / int64(slotLength/time.Second)) }

func (h *lastHour) add(at time.Time) {
	number := slotNumber(at)
	slot := &h[number%slotCount]
	for {
		v := slot.Load()
		if uint32(v>>32) == number {
			slot.Add(1) // the slot is used again an hour from now at the earliest
			return
		}
		if slot.CompareAndSwap(v, uint64(number)<<32|1) {
			return
		}
	}
}

func (h *lastHour) sum(now time.Time) uint64 {
	number, total := slotNumber(now), uint64(0)
	for i := range h {
		if v := h[i].Load(); number-uint32(v>>32) < slotCount {
			total += v & (1<<32 - 1)
		}
	}
	return total
}
