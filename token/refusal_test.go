package token

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		f    facts
		want move
	}{
		{"a first refusal of a value that was replaced meanwhile", facts{newer: true, believed: true}, moveNewer},
		{"even in the quiet time", facts{newer: true, believed: true, quiet: true}, moveNewer},
		{"a first refusal asks the source", facts{believed: true}, moveAsk},
		{"a refusal that a later success belies is only waited out", facts{}, moveWait},
		{"also in the quiet time", facts{quiet: true}, moveWait},
		{"a refusal in the quiet time goes to the client", facts{believed: true, quiet: true}, movePass},
		{"after a false alarm the same value is tried first", facts{believed: true, alarms: true}, moveTry},
		{"and only then the source is asked", facts{step: stepUnasked, believed: true, alarms: true, forceable: true}, moveAsk},
		{"a second refusal of a value that WeChat insists on forces one", facts{step: stepWaited, believed: true, forceable: true}, moveForce},
		{"unless it is belied by then", facts{step: stepWaited, forceable: true}, movePass},
		{"or another has forced one meanwhile", facts{step: stepWaited, newer: true, believed: true, forceable: true}, moveNewer},
		{"asked before the call, and no such mode: asked now", facts{step: stepWaited, believed: true}, moveAsk},
		{"or there is no such mode", facts{step: stepWaited, believed: true, asked: true}, movePass},
		{"a different value that is refused too goes to the client", facts{step: stepAsked, believed: true, forceable: true}, movePass},
		{"so does a newer one", facts{step: stepNewer, newer: true, believed: true}, movePass},
		{"and a forced one", facts{step: stepForced, believed: true, forceable: true}, movePass},
		{"and the same one after the only wait", facts{step: stepLast, believed: true, forceable: true}, movePass},
	} {
		if got := judge(c.f); got != c.want {
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

func TestASpuriousRefusalCostsNoRenewal(t *testing.T) {
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

func TestAnUpstreamThatRefusesEveryToken(t *testing.T) {
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

func TestADayOfRefusalsStaysWithinTheBudget(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		t.Run(fmt.Sprintf("legacy=%v", legacy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWechat(legacy)
				k := start(t, w, Options{})
				for range 23 * 60 {
					time.Sleep(time.Minute)
					call(t.Context(), k, func(string) bool { return false })
				}
				asked, forced := w.counts()
				if most := map[bool]int{false: 23 * 60, true: 13 + 35}[legacy]; forced > 20 || asked > most {
					t.Errorf("a day took %d fetches and %d forced", asked, forced)
				}
			})
		})
	}
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

func TestQuietTimeGrowsUntilARepeatedCallSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(true)
		l := &log{}
		k := start(t, w, Options{OnEvent: l.add})
		synctest.Wait()
		for range 600 {
			call(t.Context(), k, func(string) bool { return false })
			time.Sleep(time.Second)
		}
		if n := l.count(EventCooldown); n != 5 { // after 0, 30, 90, 210, 450 s
			t.Errorf("ten minutes of refusals: %d quiet times, want 5", n)
		}
		time.Sleep(time.Hour)
		w.kill()
		if _, ok := call(t.Context(), k, w.accepts); !ok {
			t.Fatal("not repaired after the quiet time")
		}
		if k.Status().CooldownUntil.After(time.Now()) {
			t.Error("still quiet after a repeated call succeeded")
		}
	})
}

func TestSomebodyElseFetchesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(true)
		w.overlap = 0
		l := &log{}
		k := start(t, w, Options{OnEvent: l.add})
		for i := range 3 {
			time.Sleep(10 * time.Minute)
			if _, err := w.Fetch(t.Context(), FetchRequest{}); err != nil { // the rogue
				t.Fatal(err)
			}
			if _, ok := call(t.Context(), k, w.accepts); !ok {
				t.Fatal("not repaired")
			}
			if got, want := k.Status().Rogue, i >= 1; got != want {
				t.Errorf("after %d thefts: rogue=%v", i+1, got)
			}
		}
		if l.count(EventRogue) != 2 {
			t.Errorf("%d rogue events, want 2", l.count(EventRogue))
		}
		time.Sleep(3 * time.Hour)
		if k.Status().Rogue {
			t.Error("still accused after a token lived to its end")
		}
	})
}
