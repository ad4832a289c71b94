package proxy

import (
	"sync/atomic"
	"time"
)

// Of the good calls of a second, the first ones are logged, then every so
// many-th: a log must not cost more than the calls. Errors are always logged.
const (
	sampleAll  = 200
	sampleRate = 100
)

// sampler picks the good calls that are logged. It is safe for concurrent use;
// around the turn of a second it may pick a few more or less.
type sampler struct {
	second atomic.Int64 // Unix time
	calls  atomic.Int64 // in it
}

// weight returns how many calls the line of this one stands for; 0: it gets
// none.
func (s *sampler) weight(now time.Time) int {
	if second := now.Unix(); s.second.Load() != second {
		s.second.Store(second)
		s.calls.Store(0)
	}
	switch n := s.calls.Add(1); {
	case n <= sampleAll:
		return 1
	case n%sampleRate == 0:
		return sampleRate
	default:
		return 0
	}
}
