package stats

import "sync"

// recent keeps the last values that were added. It is safe for concurrent use.
type recent[T any] struct {
	mu     sync.Mutex
	values []T
	next   int // where the next value goes, once values is full
	size   int
}

func newRecent[T any](size int) *recent[T] { return &recent[T]{size: size} }

func (r *recent[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addLocked(v)
}

// tryAdd adds what create returns, unless another value is being added just
// now.
func (r *recent[T]) tryAdd(create func() T) {
	if !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	r.addLocked(create())
}

func (r *recent[T]) addLocked(v T) {
	if len(r.values) < r.size {
		r.values = append(r.values, v)
		return
	}
	r.values[r.next] = v
	r.next = (r.next + 1) % r.size
}

// newestFirst returns a copy of the values.
func (r *recent[T]) newestFirst() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]T, 0, len(r.values))
	for i := range r.values {
		out = append(out, r.values[(r.next+len(r.values)-1-i)%len(r.values)])
	}
	return out
}
