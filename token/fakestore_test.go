package token

import (
	"context"
	"sync"
	"time"
)

// fakeStore is a Store in memory that several Managers share, and that fails when
// told to.
type fakeStore struct {
	mu       sync.Mutex
	records  map[string]Record
	locks    map[string]*fakeLock
	watchers []func(string)
	err      error
	hang     bool
	hangLoad bool
}

type fakeLock struct {
	s     *fakeStore
	name  string
	until time.Time
}

func newFakeStore() *fakeStore {
	return &fakeStore{records: map[string]Record{}, locks: map[string]*fakeLock{}}
}

func (s *fakeStore) trouble(ctx context.Context) error {
	s.mu.Lock()
	err, hang := s.err, s.hang
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (s *fakeStore) set(err error, hang bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.hang = err, hang
}

// hangLoads makes Load alone hang, or not.
func (s *fakeStore) hangLoads(hang bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangLoad = hang
}

func (s *fakeStore) Load(ctx context.Context, name string) (Record, error) {
	if err := s.trouble(ctx); err != nil {
		return Record{}, err
	}
	s.mu.Lock()
	if s.hangLoad {
		s.mu.Unlock()
		<-ctx.Done()
		return Record{}, ctx.Err()
	}
	defer s.mu.Unlock()
	r, ok := s.records[name]
	if !ok {
		return Record{}, ErrNotFound
	}
	return r, nil
}

func (s *fakeStore) Save(ctx context.Context, name string, r Record) error {
	if err := s.trouble(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	if s.records[name].Gen >= r.Gen {
		s.mu.Unlock()
		return ErrStale
	}
	s.records[name] = r
	watchers := s.watchers
	s.mu.Unlock()
	for _, w := range watchers {
		w(name)
	}
	return nil
}

func (s *fakeStore) Delete(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, name)
	return nil
}

func (s *fakeStore) TryLock(ctx context.Context, name string, ttl time.Duration) (Lock, error) {
	if err := s.trouble(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.locks[name]; l != nil && time.Now().Before(l.until) {
		return nil, ErrLocked
	}
	l := &fakeLock{s, name, time.Now().Add(ttl)}
	s.locks[name] = l
	return l, nil
}

func (l *fakeLock) Extend(_ context.Context, ttl time.Duration) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.s.locks[l.name] != l {
		return ErrLocked
	}
	l.until = time.Now().Add(ttl)
	return nil
}

func (l *fakeLock) Unlock(context.Context) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.s.locks[l.name] == l {
		delete(l.s.locks, l.name)
	}
	return nil
}

func (s *fakeStore) Watch(ctx context.Context, changed func(string)) error {
	s.mu.Lock()
	s.watchers = append(s.watchers, changed)
	s.mu.Unlock()
	<-ctx.Done()
	return nil
}

func (s *fakeStore) Close() error { return nil }
