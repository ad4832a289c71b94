package token

import (
	"container/heap"
	"sync"
	"time"
)

// scheduler wakes keepers when their time has come: one goroutine and one
// timer for all of them, however many accounts there are.
type scheduler struct {
	mu    sync.Mutex
	queue dueQueue
	bell  chan struct{}
}

func newScheduler() *scheduler { return &scheduler{bell: make(chan struct{}, 1)} }

// set plans k for due; the zero time takes it out.
func (s *scheduler) set(k *Keeper, due time.Time) {
	s.mu.Lock()
	switch {
	case due.IsZero() && k.slot > 0:
		heap.Remove(&s.queue, k.slot-1)
	case due.IsZero():
	case k.slot > 0:
		k.due = due
		heap.Fix(&s.queue, k.slot-1)
	default:
		k.due = due
		heap.Push(&s.queue, k)
	}
	first := len(s.queue) > 0 && s.queue[0] == k
	s.mu.Unlock()
	if first {
		select {
		case s.bell <- struct{}{}:
		default:
		}
	}
}

// take returns a keeper that is due, or how long until the first one is.
func (s *scheduler) take(now time.Time) (*Keeper, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil, time.Hour
	}
	if wait := s.queue[0].due.Sub(now); wait > 0 {
		return nil, min(wait, longestNap)
	}
	return heap.Pop(&s.queue).(*Keeper), 0
}

// longestNap bounds how late a wake-up can be after the machine slept: timers
// run on the monotonic clock, credentials end by the wall clock.
const longestNap = 15 * time.Second

// dueQueue is a heap.Interface; each keeper knows its place in it.
type dueQueue []*Keeper

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q dueQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].slot, q[j].slot = i+1, j+1
}

func (q *dueQueue) Push(x any) {
	k := x.(*Keeper)
	*q = append(*q, k)
	k.slot = len(*q)
}

func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	k := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	k.slot = 0
	return k
}
