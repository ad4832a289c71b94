package token

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// An operator's second forced renewal is out of budget. That puts no call into cooldown.
func TestAnOperatorsSecondRenewalStartsNoCooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := start(t, w, Options{})
		time.Sleep(time.Second)
		if _, err := k.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Renew(t.Context()); err == nil {
			t.Fatal("the second was made")
		}
		w.kill()
		if _, ok := call(t.Context(), k, w.accepts); !ok {
			t.Error("a dead token is not repaired")
		}
	})
}

// A replica's first fetch waits for the lock of another replica when that
// replica's token arrives. The fetch will find it in the store and not ask WeChat;
// an operator who asks for a renewal meanwhile still gets one.
func TestAnOperatorsRenewalAsksWeChatDuringAFetchThatDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(true), newFakeStore()
		lock, err := s.TryLock(t.Context(), RecordName("shop", "wx1", AccessToken), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		k := start(t, w, Options{Store: s})
		synctest.Wait() // its fetch waits for the lock
		got, err := w.Fetch(t.Context(), FetchRequest{})
		if err != nil {
			t.Fatal(err)
		}
		c := successor(nil, wallClock(), got, LegacySchedule())
		if err := s.Save(t.Context(), k.name, EncodeRecord(c)); err != nil {
			t.Fatal(err)
		}
		if err := lock.Unlock(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the token has arrived, and the fetch is still waiting
		if cur := k.current.Load(); cur == nil || cur.Value != got.Value {
			t.Fatal("the other replica's token did not arrive")
		}
		renewed, err := k.Renew(t.Context())
		if err != nil || renewed.Value == got.Value {
			t.Errorf("it was not renewed: %v", err)
		}
		if asked, _ := w.counts(); asked != 2 {
			t.Errorf("%d fetches, want the other replica's and the operator's", asked)
		}
	})
}

// An operator who asks for a renewal while a fetch is under way gets its result.
func TestAnOperatorsRenewalJoinsAFetchUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(true)
		k := start(t, w, Options{})
		time.Sleep(time.Second)
		w.mu.Lock()
		w.delay = time.Second
		w.mu.Unlock()
		before := k.current.Load().Value
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				if c, err := k.Renew(t.Context()); err != nil || c.Value == before {
					t.Errorf("it was not renewed: %v", err)
				}
			})
			time.Sleep(time.Millisecond)
		}
		all.Wait()
		if asked, _ := w.counts(); asked != 2 {
			t.Errorf("%d fetches, want the first and one renewal", asked)
		}
	})
}
