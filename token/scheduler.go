package token

import (
	"container/heap"
	"sync"
	"time"
)

// maxSleep bounds how late a keeper is woken after the machine slept: timers
// run on the monotonic clock, credentials end by the wall clock.
const maxSleep = 15 * time.Second

// run wakes keepers when they are due, until the Manager is closed.
func (m *Manager) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		k, wait := m.sched.take(time.Now())
		if k != nil {
			if !m.wake(k) {
				return
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-m.ctx.Done():
			return
		case <-m.sched.changed:
		case <-timer.C:
		}
	}
}

// wake does what k is due for. It waits for a free slot, so that a thousand
// accounts that start together do not ask WeChat all at once.
func (m *Manager) wake(k *Keeper) bool {
	select {
	case <-m.ctx.Done():
		return false
	case m.slots <- struct{}{}:
	}
	m.work.Go(func() {
		defer func() { <-m.slots }()
		k.writeBack()
		if f := k.startIfDue(); f != nil {
			<-f.done
		}
		m.plan(k)
	})
	return true
}

// startIfDue starts the renewal whose time has come; nil: it has not.
func (k *Keeper) startIfDue() *fetch {
	now := time.Now()
	k.mu.Lock()
	cur := k.current.Load()
	due := !k.gone && k.fetch == nil && !now.Before(k.nextTry) && (cur == nil || !now.Before(cur.renewAt) || k.cause != "")
	k.mu.Unlock()
	if !due {
		return nil
	}
	f, _, _ := k.start(request{cause: CauseSchedule}) // an error says that it is not due after all
	return f
}

// plan puts k where the scheduler finds it next.
func (m *Manager) plan(k *Keeper) {
	k.mu.Lock()
	m.sched.set(k, k.dueLocked())
	k.mu.Unlock()
}

// dueLocked is when k has something to do; zero: not before somebody asks.
func (k *Keeper) dueLocked() time.Time {
	cur := k.current.Load()
	now := time.Now()
	var due time.Time
	switch {
	case k.gone || k.fetch != nil, cur == nil && !k.eager:
		return time.Time{}
	case cur == nil || k.cause != "":
		due = now
	default:
		due = cur.renewAt
	}
	if k.failures > 0 {
		due = later(due, k.nextTry)
	}
	if k.unsaved && cur.live(now.UnixNano()) && k.saveAt.Before(due) {
		due = k.saveAt
	}
	return due
}

// scheduler wakes keepers when their time has come: one goroutine and one
// timer for all of them, however many accounts there are.
type scheduler struct {
	mu      sync.Mutex
	queue   dueQueue
	changed chan struct{} // the first in the queue is another one
}

func newScheduler() *scheduler { return &scheduler{changed: make(chan struct{}, 1)} }

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
		case s.changed <- struct{}{}:
		default:
		}
	}
}

// take returns a keeper that is due at now, or nil and how long to sleep.
func (s *scheduler) take(now time.Time) (*Keeper, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil, time.Hour
	}
	if wait := s.queue[0].due.Sub(now); wait > 0 {
		return nil, min(wait, maxSleep)
	}
	return heap.Pop(&s.queue).(*Keeper), 0
}

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
