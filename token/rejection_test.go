package token

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// A replica in cooldown starts no renewal, but takes what another replica has put
// into the store.
func TestAReplicaInCooldownStillLoadsFromTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(true), newFakeStore()
		w.overlap = 0
		ks := replicas(t, w, s, 2)
		time.Sleep(time.Second)
		s.mu.Lock()
		s.watchers = nil // no news, as from a Redis that was started again
		s.mu.Unlock()
		ks[0].coolDown(ks[0].current.Load().Value)
		w.kill()
		if bad := storm(t, w, ks[1:], 10); bad > 0 {
			t.Fatalf("%d calls of the other replica failed", bad)
		}
		if bad := storm(t, w, ks[:1], 10); bad > 0 {
			t.Errorf("%d calls of the replica in cooldown failed", bad)
		}
		if asked, _ := w.counts(); asked != 2 {
			t.Errorf("%d fetches, want the first and one for the death", asked)
		}
	})
}

// That WeChat confirmed one value says nothing about the next, which another
// replica fetched.
func TestAConfirmationHoldsForOneValueOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := replicas(t, w, newFakeStore(), 1)[0]
		rejections := 1
		if _, ok := call(t.Context(), k, func(value string) bool { rejections--; return rejections < 0 && w.accepts(value) }); !ok {
			t.Fatal("a spurious rejection cost a call")
		}
		w.kill()
		got, err := w.Fetch(t.Context(), FetchRequest{}) // by another replica
		if err != nil {
			t.Fatal(err)
		}
		c := k.current.Load().Credential
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

// WeChat rejects a token and denies a successor: the proxy asks again later,
// without any calls.
func TestARejectedTokenIsReplacedWithoutCalls(t *testing.T) {
	for name, legacy := range map[string]bool{"stable": false, "legacy": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWechat(legacy)
				k := start(t, w, Options{})
				time.Sleep(time.Second)
				w.kill()
				w.fail(&errcode.Error{Platform: errcode.MP, Endpoint: errcode.Token, Code: 40243, Msg: "frozen"})
				if _, ok := call(t.Context(), k, w.accepts); ok {
					t.Fatal("a call succeeded")
				}
				if s := k.Status(); !s.Rejected || s.LastErr == nil {
					t.Errorf("%+v", s)
				}
				w.fail(nil)
				time.Sleep(40 * time.Second)
				c, err := k.Get(t.Context())
				if err != nil || !w.accepts(c.Value.Reveal()) {
					t.Errorf("it was not replaced: %v", err)
				}
				if s := k.Status(); s.Rejected || s.LastErr != nil {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		f    evidence
		want action
	}{
		{"a first rejection of a value that was replaced meanwhile", evidence{newer: true, believed: true}, actionNewer},
		{"even in the cooldown", evidence{newer: true, believed: true, cooldown: true}, actionNewer},
		{"a first rejection asks the source", evidence{believed: true}, actionAsk},
		{"a rejection that a later success belies is only waited out", evidence{}, actionWait},
		{"also in the cooldown", evidence{cooldown: true}, actionWait},
		{"a rejection in the cooldown goes to the client", evidence{believed: true, cooldown: true}, actionPass},
		{"after a false alarm the same value is tried first", evidence{believed: true, falseAlarm: true}, actionRetry},
		{"and only then the source is asked", evidence{step: stepRetried, believed: true, falseAlarm: true, forceable: true}, actionAsk},
		{"a second rejection of a value that WeChat insists on forces one", evidence{step: stepConfirmed, believed: true, forceable: true}, actionForce},
		{"unless it is belied by then", evidence{step: stepConfirmed, forceable: true}, actionPass},
		{"or another has forced one meanwhile", evidence{step: stepConfirmed, newer: true, believed: true, forceable: true}, actionNewer},
		{"asked before the call, and no such mode: asked now", evidence{step: stepConfirmed, believed: true}, actionAsk},
		{"or there is no such mode", evidence{step: stepConfirmed, believed: true, confirmed: true}, actionPass},
		{"a different value that is rejected too goes to the client", evidence{step: stepAsked, believed: true, forceable: true}, actionPass},
		{"so does a newer one", evidence{step: stepNewer, newer: true, believed: true}, actionPass},
		{"and a forced one", evidence{step: stepForced, believed: true, forceable: true}, actionPass},
		{"and the same one after the only wait", evidence{step: stepLast, believed: true, forceable: true}, actionPass},
	} {
		if got := decide(c.f); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAThousandCallsMeetADeadToken(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		t.Run(fmt.Sprintf("legacy=%v", legacy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWechat(legacy)
				k := start(t, w, Options{})
				synctest.Wait()
				w.kill()
				var wg sync.WaitGroup
				var good, sent atomic.Int64
				for range 1000 {
					wg.Go(func() {
						n, ok := call(t.Context(), k, w.accepts)
						sent.Add(int64(n))
						if ok {
							good.Add(1)
						}
					})
				}
				wg.Wait()
				asked, forced := w.counts()
				if good.Load() != 1000 || asked != 2 || forced != 0 || sent.Load() != 2000 {
					t.Errorf("%d good, %d calls sent, %d fetches, %d forced; want 1000, 2000, 2, 0", good.Load(), sent.Load(), asked, forced)
				}
			})
		})
	}
}

func TestATokenThatWeChatInsistsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := start(t, w, Options{})
		synctest.Wait()
		dead, _ := k.Get(t.Context())
		accepts := func(v string) bool { return v != dead.Value.Reveal() }
		sent, ok := call(t.Context(), k, accepts)
		asked, forced := w.counts()
		if !ok || sent != 3 || asked != 2 || forced != 1 {
			t.Errorf("ok=%v after %d sendings, %d fetches, %d forced; want 3, 2, 1", ok, sent, asked, forced)
		}
	})
}

func TestASpuriousRejectionCostsNoRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := start(t, w, Options{})
		synctest.Wait()
		n := 0
		sent, ok := call(t.Context(), k, func(string) bool { n++; return n > 1 })
		if _, forced := w.counts(); !ok || sent != 2 || forced != 0 {
			t.Errorf("ok=%v after %d sendings and %d forced", ok, sent, forced)
		}
	})
}

func TestAnUpstreamThatRejectsEveryToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := start(t, w, Options{})
		synctest.Wait()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if sent, ok := call(t.Context(), k, func(string) bool { return false }); ok || sent > 3 {
					t.Errorf("ok=%v after %d sendings", ok, sent)
				}
			})
		}
		wg.Wait()
		if asked, forced := w.counts(); asked > 2 || forced > 1 {
			t.Errorf("%d fetches and %d forced, want at most 2 and 1", asked, forced)
		}
	})
}

func TestASickPathDoesNotDisarmTheAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := start(t, w, Options{})
		synctest.Wait()
		stop := time.Now().Add(time.Hour)
		var wg sync.WaitGroup
		for i := range 20 { // the healthy paths
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				for time.Now().Before(stop) {
					if _, ok := call(t.Context(), k, w.accepts); !ok {
						t.Error("a healthy call failed")
					}
				}
			})
		}
		for time.Now().Before(stop) {
			if sent, ok := call(t.Context(), k, func(string) bool { return false }); ok || sent > 2 {
				t.Fatalf("ok=%v after %d sendings", ok, sent)
			}
		}
		wg.Wait()
		if asked, forced := w.counts(); forced != 0 || asked > 1+3600/30 {
			t.Errorf("%d fetches and %d forced for a path that is merely sick", asked, forced)
		}
		w.kill()
		if _, ok := call(t.Context(), k, w.accepts); !ok {
			t.Error("and then a real death was not repaired")
		}
	})
}
