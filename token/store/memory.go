package store

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// Memory is a [token.Store] that lives as long as the process. It can be
// shared by several Managers, which then are replicas of one another.
type Memory struct {
	mu       sync.Mutex
	records  map[string]token.Record
	locks    map[string]*memoryLock
	watchers map[*news]struct{}
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{records: map[string]token.Record{}, locks: map[string]*memoryLock{}, watchers: map[*news]struct{}{}}
}

var _ token.Store = (*Memory)(nil)

// Load implements [token.Store].
func (m *Memory) Load(ctx context.Context, name string) (token.Record, error) {
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

// Save implements [token.Store].
func (m *Memory) Save(ctx context.Context, name string, rec token.Record) error {
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
func (m *Memory) sweepLocked(now time.Time) {
	for name, r := range m.records {
		if expired(r, now) {
			delete(m.records, name)
		}
	}
}

// Delete implements [token.Store].
func (m *Memory) Delete(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, name)
	m.tellLocked(name)
	return nil
}

func (m *Memory) tellLocked(name string) {
	for w := range m.watchers {
		w.add(name)
	}
}

// Watch implements [token.Store]. It tells of what is written through the same
// Memory, its caller's own writes too.
func (m *Memory) Watch(ctx context.Context, changed func(name string)) error {
	n := newNews()
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

// TryLock implements [token.Store].
func (m *Memory) TryLock(ctx context.Context, name string, ttl time.Duration) (token.Lock, error) {
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

// Close implements [token.Store]. There is nothing to release.
func (m *Memory) Close() error { return nil }

// memoryLock is a lock on name. It is held while it is the one in m.locks.
type memoryLock struct {
	m     *Memory
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
