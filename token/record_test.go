package token

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

func TestAStoreThatIsDownCostsNoCall(t *testing.T) {
	for name, fault := range map[string]struct {
		err  error
		hang bool
	}{"refusing": {err: errors.New("connection refused")}, "hanging": {hang: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s := newWechat(true), newFakeStore()
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

func TestAnOlderCredentialNeverReplacesANewerOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(true), newFakeStore()
		k := replicas(t, w, s, 1)[0]
		held := k.current.Load()
		old := held.Credential
		old.Gen, old.Value = held.Gen-1, secret.New("older")
		if k.adopt(old) {
			t.Error("adopted an older one")
		}
		newer := held.Credential
		newer.Gen, newer.Value = held.Gen+1, secret.New("newer")
		if !k.adopt(newer) || k.current.Load().Value != newer.Value {
			t.Error("did not adopt a newer one")
		}
		dead := newer
		dead.Gen, dead.ExpiresAt = newer.Gen+1, time.Now()
		if k.adopt(dead) {
			t.Error("adopted a dead one")
		}
	})
}

// What is held is saved again into a store that was emptied.
func TestAnEmptiedStoreIsFilledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(true), newFakeStore()
		k := replicas(t, w, s, 1)[0]
		time.Sleep(time.Second)
		s.mu.Lock()
		clear(s.records)
		watchers := s.watchers
		s.mu.Unlock()
		for _, changed := range watchers {
			changed("") // as after a reconnect
		}
		time.Sleep(5 * time.Second)
		other := start(t, w, Options{Store: s})
		c, err := other.Get(t.Context())
		if err != nil || c.Value != k.current.Load().Value {
			t.Errorf("the next replica did not find it: %v", err)
		}
		if asked, _ := w.counts(); asked != 1 {
			t.Errorf("%d fetches", asked)
		}
	})
}

// A record that cannot be read, or claims to be from the future, is reported and
// replaced, whatever generation it claims.
func TestDamagedRecordsAreReplaced(t *testing.T) {
	good := EncodeRecord(Credential{Value: secret.New("from-the-future"), Gen: 1 << 63, ExpiresAt: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)})
	for name, rec := range map[string]Record{
		"nonsense":        {Gen: 1, Data: []byte("nonsense")},
		"a high nonsense": {Gen: 1 << 63, Data: []byte("nonsense")},
		"the future":      good,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s, l := newWechat(true), newFakeStore(), &log{}
				s.records[RecordName("shop", accountOf(w, "1").ID, AccessToken)] = rec
				k := start(t, w, Options{Store: s, OnEvent: l.add})
				c, err := k.Get(t.Context())
				if err != nil || !w.accepts(c.Value.Reveal()) {
					t.Fatalf("%v", err)
				}
				time.Sleep(5 * time.Second)
				other := start(t, w, Options{Store: s})
				if d, err := other.Get(t.Context()); err != nil || d.Value != c.Value {
					t.Errorf("the next one did not find it: %v", err)
				}
				if asked, _ := w.counts(); asked != 1 {
					t.Errorf("%d fetches", asked)
				}
				if l.count(EventStore) == 0 {
					t.Error("no event was emitted")
				}
			})
		})
	}
}

// A store that reports a change and then does not answer is asked again, since it
// will not report the change twice.
func TestAChangeThatCannotBeLoadedIsLoadedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(true), newFakeStore()
		ks := replicas(t, w, s, 2)
		time.Sleep(time.Second)
		s.hangLoads(true)
		c, err := ks[0].Renew(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if ks[1].current.Load().Value == c.Value {
			t.Fatal("loaded, though the store hangs")
		}
		s.hangLoads(false)
		time.Sleep(3 * time.Second)
		if ks[1].current.Load().Value != c.Value {
			t.Error("the change was never loaded")
		}
	})
}

// A replica's first fetch waits for the lock of another replica. The other's token
// arrives through Watch, then the store fails: WeChat is not asked for a second one.
func TestWhatWatchSuppliedIsNotFetchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(true), newFakeStore()
		if _, err := s.TryLock(t.Context(), RecordName("shop", "wx1", AccessToken), time.Hour); err != nil {
			t.Fatal(err)
		}
		k := start(t, w, Options{Store: s})
		synctest.Wait() // its fetch waits for the lock
		got, err := w.Fetch(t.Context(), FetchRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Save(t.Context(), k.name, EncodeRecord(successor(nil, wallClock(), got, LegacySchedule()))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the token has arrived, and the fetch is still waiting
		s.set(errors.New("connection refused"), false)
		time.Sleep(time.Minute)
		if cur := k.current.Load(); cur == nil || cur.Value != got.Value {
			t.Error("the token was replaced")
		}
		if asked, _ := w.counts(); asked != 1 {
			t.Errorf("%d fetches, want the other replica's", asked)
		}
	})
}
