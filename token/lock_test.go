package token

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// replicas starts n processes on one store, in front of w.
func replicas(t *testing.T, w *wechat, s *fakeStore, n int) []*Keeper {
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
		ks := replicas(t, w, newFakeStore(), 4)
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
		w, s := newWechat(true), newFakeStore()
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

func TestALockIsWaitedForAndThenGoneAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(false), newFakeStore()
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

// Where each fetch kills what the other replicas hold, a store that is down for
// a moment only is waited for: going around it would cost their calls.
func TestAStoreThatIsDownForAMomentIsWaitedForInLegacyMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(true), newFakeStore()
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
