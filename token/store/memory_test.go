package store

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// memory is a token.Store in memory, for tests of what goes around a store.
type memory struct {
	mu       sync.Mutex
	records  map[string]token.Record
	locks    map[string]*memoryLock
	watchers map[*changes]struct{}
}

func newMemory() *memory {
	return &memory{records: map[string]token.Record{}, locks: map[string]*memoryLock{}, watchers: map[*changes]struct{}{}}
}

var _ token.Store = (*memory)(nil)

func (m *memory) Load(ctx context.Context, name string) (token.Record, error) {
	if err := ctx.Err(); err != nil {
		return token.Record{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[name]
	if !ok || expired(r, time.Now()) {
		return token.Record{}, token.ErrNotFound
	}
	r.Data = bytes.Clone(r.Data)
	return r, nil
}

func (m *memory) Save(ctx context.Context, name string, rec token.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := time.Now()
	rec.Data = bytes.Clone(rec.Data)
	rec.ExpiresAt = fromMicros(micros(rec.ExpiresAt))
	m.mu.Lock()
	defer m.mu.Unlock()
	held, ok := m.records[name]
	if ok && !expired(held, now) && held.Gen >= rec.Gen {
		return token.ErrStale
	}
	if !ok {
		m.sweepLocked(now)
	}
	m.records[name] = rec
	m.tellLocked(name)
	return nil
}

// sweepLocked forgets what has expired, so that names that are used no more
// do not pile up.
func (m *memory) sweepLocked(now time.Time) {
	for name, r := range m.records {
		if expired(r, now) {
			delete(m.records, name)
		}
	}
}

func (m *memory) Delete(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, name)
	m.tellLocked(name)
	return nil
}

func (m *memory) tellLocked(name string) {
	for w := range m.watchers {
		w.add(name)
	}
}

// Watch tells of its caller's own writes too.
func (m *memory) Watch(ctx context.Context, changed func(name string)) error {
	n := newChanges()
	m.mu.Lock()
	m.watchers[n] = struct{}{}
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.watchers, n)
		m.mu.Unlock()
	}()
	n.add("")
	n.deliver(ctx, changed)
	return ctx.Err()
}

func (m *memory) TryLock(ctx context.Context, name string, ttl time.Duration) (token.Lock, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.locks[name]; l != nil && now.Before(l.until) {
		return nil, token.ErrLocked
	}
	l := &memoryLock{m: m, name: name, until: now.Add(ttl)}
	m.locks[name] = l
	return l, nil
}

func (m *memory) Close() error { return nil }

// memoryLock is a lock on name. It is held while it is the one in m.locks.
type memoryLock struct {
	m     *memory
	name  string
	until time.Time // guarded by m.mu
}

func (l *memoryLock) Extend(ctx context.Context, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := time.Now()
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.m.locks[l.name] != l || !now.Before(l.until) {
		return token.ErrLocked
	}
	l.until = now.Add(ttl)
	return nil
}

func (l *memoryLock) Unlock(context.Context) error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.m.locks[l.name] == l {
		delete(l.m.locks, l.name)
	}
	return nil
}

func TestMemory(t *testing.T) {
	t.Parallel()
	m := newMemory()
	conform(t, func(*testing.T) token.Store { return m })
}

func TestMemoryForgetsWhatHasExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		for i := range 100 {
			if err := m.Save(t.Context(), fmt.Sprint(i), record(1, "x")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		if len(m.records) > 1 {
			t.Errorf("%d records are held", len(m.records))
		}
	})
}
