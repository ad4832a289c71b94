package stats

import (
	"maps"
	"sync"
	"sync/atomic"
)

// copyOnWrite is a small map that is read without a lock or an allocation, and
// copied when it changes. The zero value is empty.
type copyOnWrite[K comparable, V any] struct {
	current atomic.Pointer[map[K]V]
	mu      sync.Mutex // held by writers
}

func (c *copyOnWrite[K, V]) get(k K) (v V, ok bool) {
	if m := c.current.Load(); m != nil {
		v, ok = (*m)[k]
	}
	return v, ok
}

// all returns the current map, which must not be written to.
func (c *copyOnWrite[K, V]) all() map[K]V {
	if m := c.current.Load(); m != nil {
		return *m
	}
	return nil
}

// getOrAdd returns the value under k, made by create if there is none yet. If
// the map is full, which full decides by its length, it returns false.
func (c *copyOnWrite[K, V]) getOrAdd(k K, full func(n int) bool, create func() V) (V, bool) {
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
	v := create()
	grown[k] = v
	c.current.Store(&grown)
	return v, true
}

// replace puts m in the place of the map.
func (c *copyOnWrite[K, V]) replace(m map[K]V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current.Store(&m)
}

// deleteFunc deletes the entries for which del returns true.
func (c *copyOnWrite[K, V]) deleteFunc(del func(K, V) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := maps.Clone(c.all())
	maps.DeleteFunc(kept, del)
	c.current.Store(&kept)
}
