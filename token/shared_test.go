package token

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// shelf is a Store in memory that several Managers share, and that fails when
// told to.
type shelf struct {
	mu       sync.Mutex
	records  map[string]Record
	locks    map[string]*shelfLock
	watchers []func(string)
	err      error
	hang     bool
}

type shelfLock struct {
	s     *shelf
	name  string
	until time.Time
}

func newShelf() *shelf {
	return &shelf{records: map[string]Record{}, locks: map[string]*shelfLock{}}
}

func (s *shelf) trouble(ctx context.Context) error {
	s.mu.Lock()
	err, hang := s.err, s.hang
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (s *shelf) set(err error, hang bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.hang = err, hang
}

func (s *shelf) Load(ctx context.Context, name string) (Record, error) {
	if err := s.trouble(ctx); err != nil {
		return Record{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.records[name]
	if !ok {
		return Record{}, ErrNotFound
	}
	return r, nil
}

func (s *shelf) Save(ctx context.Context, name string, r Record) error {
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

func (s *shelf) Delete(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, name)
	return nil
}

func (s *shelf) TryLock(ctx context.Context, name string, ttl time.Duration) (Lock, error) {
	if err := s.trouble(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.locks[name]; l != nil && time.Now().Before(l.until) {
		return nil, ErrLocked
	}
	l := &shelfLock{s, name, time.Now().Add(ttl)}
	s.locks[name] = l
	return l, nil
}

func (l *shelfLock) Extend(_ context.Context, ttl time.Duration) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.s.locks[l.name] != l {
		return ErrLocked
	}
	l.until = time.Now().Add(ttl)
	return nil
}

func (l *shelfLock) Unlock(context.Context) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.s.locks[l.name] == l {
		delete(l.s.locks, l.name)
	}
	return nil
}

func (s *shelf) Watch(ctx context.Context, changed func(string)) error {
	s.mu.Lock()
	s.watchers = append(s.watchers, changed)
	s.mu.Unlock()
	<-ctx.Done()
	return nil
}

func (s *shelf) Close() error { return nil }

// replicas starts n processes on one store, in front of w.
func replicas(t *testing.T, w *wechat, s *shelf, n int) []*Keeper {
	t.Helper()
	ks := make([]*Keeper, n)
	for i := range ks {
		ks[i] = start(t, w, Options{Store: s})
	}
	synctest.Wait()
	return ks
}

// storm makes each replica serve n calls at once and returns how many failed.
func storm(t *testing.T, w *wechat, ks []*Keeper, n int) int64 {
	var bad atomic.Int64
	var wg sync.WaitGroup
	for _, k := range ks {
		for range n {
			wg.Go(func() {
				if _, ok := call(t.Context(), k, w.accepts); !ok {
					bad.Add(1)
				}
			})
		}
	}
	wg.Wait()
	return bad.Load()
}

func TestReplicasActAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(true)
		w.overlap, w.delay = 0, 50*time.Millisecond
		ks := replicas(t, w, newShelf(), 4)
		time.Sleep(time.Second)
		for death := range 20 {
			w.kill()
			if bad := storm(t, w, ks, 100); bad > 0 {
				t.Fatalf("death %d: %d calls failed", death+1, bad)
			}
			time.Sleep(time.Second)
		}
		if asked, _ := w.counts(); asked != 21 {
			t.Errorf("a start and 20 deaths took %d fetches, want 21", asked)
		}
		w.kill()
		storm(t, w, ks, 10)
		if asked, _ := w.counts(); asked != 21 {
			t.Errorf("the budget is not shared: %d fetches", asked)
		}
	})
}

func TestARestartCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(true), newShelf()
		for range 5 {
			k := start(t, w, Options{Store: s})
			if _, err := k.Get(t.Context()); err != nil {
				t.Fatal(err)
			}
			k.m.Close()
		}
		if asked, _ := w.counts(); asked != 1 {
			t.Errorf("five starts took %d fetches", asked)
		}
	})
}

func TestAStoreThatIsDownCostsNoCall(t *testing.T) {
	for name, fault := range map[string]struct {
		err  error
		hang bool
	}{"refusing": {err: errors.New("connection refused")}, "hanging": {hang: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s := newWechat(true), newShelf()
				ks := replicas(t, w, s, 2)
				time.Sleep(time.Second)
				s.set(fault.err, fault.hang)
				w.kill()
				if bad := storm(t, w, ks[:1], 100); bad > 0 {
					t.Errorf("%d calls failed", bad)
				}
				if asked, _ := w.counts(); asked != 2 {
					t.Errorf("%d fetches, want 2", asked)
				}
				s.set(nil, false)
				time.Sleep(10 * time.Second)
				c, err := ks[1].Get(t.Context())
				if err != nil || !w.accepts(c.Value.Reveal()) {
					t.Errorf("what was fetched meanwhile was not written back: %v", err)
				}
			})
		})
	}
}

func TestALockIsWaitedForAndThenGoneAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(false), newShelf()
		if _, err := s.TryLock(t.Context(), RecordName("shop", "wx1", AccessToken), time.Hour); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		k := start(t, w, Options{Store: s})
		if _, err := k.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 10*time.Second || took > 20*time.Second {
			t.Errorf("went around the lock after %v", took)
		}
	})
}

func TestAnOlderCredentialNeverReplacesANewerOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(true), newShelf()
		k := replicas(t, w, s, 1)[0]
		held := k.now.Load()
		old := held.Credential
		old.Gen, old.Value = held.Gen-1, secret.New("older")
		if k.adopt(old) {
			t.Error("adopted an older one")
		}
		newer := held.Credential
		newer.Gen, newer.Value = held.Gen+1, secret.New("newer")
		if !k.adopt(newer) || k.now.Load().Value != newer.Value {
			t.Error("did not adopt a newer one")
		}
		dead := newer
		dead.Gen, dead.ExpiresAt = newer.Gen+1, time.Now()
		if k.adopt(dead) {
			t.Error("adopted a dead one")
		}
	})
}

// For a while after a renewal that did not help a replica starts none; what
// another one has brought into the store it takes all the same.
func TestAQuietReplicaStillLooksIntoTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(true), newShelf()
		w.overlap = 0
		ks := replicas(t, w, s, 2)
		time.Sleep(time.Second)
		s.mu.Lock()
		s.watchers = nil // no news, as from a Redis that was started again
		s.mu.Unlock()
		ks[0].unhelpful(ks[0].now.Load().Value)
		w.kill()
		if bad := storm(t, w, ks[1:], 10); bad > 0 {
			t.Fatalf("%d calls of the other replica failed", bad)
		}
		if bad := storm(t, w, ks[:1], 10); bad > 0 {
			t.Errorf("%d calls of the quiet replica failed", bad)
		}
		if asked, _ := w.counts(); asked != 2 {
			t.Errorf("%d fetches, want the first and one for the death", asked)
		}
	})
}

// Where each fetch kills what the other replicas hold, a store that is down for
// a moment only is waited for: going around it would cost their calls.
func TestAStoreThatIsDownForAMomentIsWaitedForInLegacyMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(true), newShelf()
		w.overlap = 0
		ks := replicas(t, w, s, 4)
		time.Sleep(time.Second)
		s.set(errors.New("connection refused"), false)
		time.AfterFunc(time.Second, func() { s.set(nil, false) })
		w.kill()
		if bad := storm(t, w, ks, 100); bad > 0 {
			t.Errorf("%d calls failed", bad)
		}
		if asked, _ := w.counts(); asked != 2 {
			t.Errorf("%d fetches, want the first and one for the death", asked)
		}
	})
}

// That WeChat believes in a value says nothing of the one that another replica
// brought since.
func TestWeChatsWordHoldsForOneValueOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := replicas(t, w, newShelf(), 1)[0]
		refusals := 1
		if _, ok := call(t.Context(), k, func(value string) bool { refusals--; return refusals < 0 && w.accepts(value) }); !ok {
			t.Fatal("a spurious refusal cost a call")
		}
		w.kill()
		got, err := w.Fetch(t.Context(), FetchRequest{}) // by another replica
		if err != nil {
			t.Fatal(err)
		}
		c := k.now.Load().Credential
		c.Gen, c.Value = c.Gen+1, got.Value
		if !k.adopt(c) {
			t.Fatal("not adopted")
		}
		w.kill()
		if _, ok := call(t.Context(), k, w.accepts); !ok {
			t.Error("a call failed")
		}
		if _, forced := w.counts(); forced != 0 {
			t.Errorf("%d forced renewals, though asking would have done", forced)
		}
	})
}
