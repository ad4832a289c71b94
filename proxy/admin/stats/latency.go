package stats

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// latency is a histogram of durations from a microsecond to two minutes, four
// buckets to each doubling: a percentile read from it is off by an eighth at
// most.
type latency [4 * 27]atomic.Uint32

// bucketOf returns the bucket that counts d.
func bucketOf(d time.Duration) int {
	us := uint64(max(d, time.Microsecond) / time.Microsecond)
	octave := bits.Len64(us) - 1 // us is 1xx… in binary
	quarter := us << 2 >> octave & 3
	return min(4*octave+int(quarter), len(latency{})-1)
}

// bucketMiddle returns the duration that stands for bucket i.
func bucketMiddle(i int) time.Duration {
	octave, quarter := i/4, i%4
	return time.Duration((float64(4+quarter) + 0.5) / 4 * float64(uint64(1)<<octave) * float64(time.Microsecond))
}

func (l *latency) add(d time.Duration) { l[bucketOf(d)].Add(1) }

// quantiles returns the durations that the given shares of all that was counted
// do not exceed; nil if nothing was counted. shares must ascend.
func (l *latency) quantiles(shares ...float64) []time.Duration {
	var counts [len(latency{})]uint32
	total := uint64(0)
	for i := range l {
		counts[i] = l[i].Load()
		total += uint64(counts[i])
	}
	if total == 0 {
		return nil
	}
	out := make([]time.Duration, 0, len(shares))
	below, i := uint64(0), 0
	for _, share := range shares {
		for i < len(counts)-1 && float64(below+uint64(counts[i])) < share*float64(total) {
			below += uint64(counts[i])
			i++
		}
		out = append(out, bucketMiddle(i))
	}
	return out
}
