package admin

import "sync"

// ring keeps the last values of many. It is safe for concurrent use.
type ring[T any] struct {
	mu   sync.Mutex
	held []T
	next int // where the next one goes, once held is full
	size int
}

func newRing[T any](size int) *ring[T] { return &ring[T]{size: size} }

func (r *ring[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addLocked(v)
}

// tryAdd adds v unless another is being added just now.
func (r *ring[T]) tryAdd(make func() T) {
	if !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	r.addLocked(make())
}

func (r *ring[T]) addLocked(v T) {
	if len(r.held) < r.size {
		r.held = append(r.held, v)
		return
	}
	r.held[r.next] = v
	r.next = (r.next + 1) % r.size
}

// newestFirst returns what is held.
func (r *ring[T]) newestFirst() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]T, 0, len(r.held))
	for i := range r.held {
		out = append(out, r.held[(r.next+len(r.held)-1-i)%len(r.held)])
	}
	return out
}
