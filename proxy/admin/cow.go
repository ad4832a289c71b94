package admin

import (
	"maps"
	"sync"
	"sync/atomic"
)

// cow is a small map that is read without a lock or an allocation, and copied
// where it grows. The zero cow is empty.
type cow[K comparable, V any] struct {
	now atomic.Pointer[map[K]V]
	mu  sync.Mutex
}

func (c *cow[K, V]) get(k K) (v V, ok bool) {
	if m := c.now.Load(); m != nil {
		v, ok = (*m)[k]
	}
	return v, ok
}

// all returns the map as it is; nobody may write to it.
func (c *cow[K, V]) all() map[K]V {
	if m := c.now.Load(); m != nil {
		return *m
	}
	return nil
}

// add returns the value under k, made by make where there is none yet. Where
// the map is full, as full says by its length, it returns false.
func (c *cow[K, V]) add(k K, full func(n int) bool, make func() V) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.get(k); ok {
		return v, true
	}
	old := c.all()
	if full(len(old)) {
		var none V
		return none, false
	}
	grown := maps.Clone(old)
	if grown == nil {
		grown = map[K]V{}
	}
	v := make()
	grown[k] = v
	c.now.Store(&grown)
	return v, true
}

// set puts another map in the place of this one.
func (c *cow[K, V]) set(m map[K]V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.Store(&m)
}
