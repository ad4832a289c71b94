package token

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestForcedRenewalsAreThirtySecondsApartAndTwentyADay(t *testing.T) {
	t.Parallel()
	var b budget
	now := time.Unix(1700000000, 0)
	if !b.spend(false, now) {
		t.Fatal("not the first")
	}
	if b.spend(false, now.Add(29*time.Second)) {
		t.Error("two within 30 s")
	}
	for i := range 19 {
		if !b.spend(false, now.Add(time.Duration(i+1)*30*time.Second)) {
			t.Fatalf("not number %d", i+2)
		}
	}
	if b.spend(false, now.Add(23*time.Hour)) {
		t.Error("a 21st on one day")
	}
	if !b.spend(false, now.Add(24*time.Hour)) || b.left(false, now.Add(24*time.Hour)) != 0 {
		t.Error("not exactly one back after a day")
	}
}

func TestTheLegacyBucketRefillsEveryThreeMinutes(t *testing.T) {
	t.Parallel()
	var b budget
	now := time.Unix(1700000000, 0)
	for i := range 20 {
		if !b.spend(true, now) {
			t.Fatalf("not number %d", i+1)
		}
	}
	if b.spend(true, now.Add(3*time.Minute-time.Second)) {
		t.Error("a 21st")
	}
	if !b.spend(true, now.Add(3*time.Minute)) || b.spend(true, now.Add(3*time.Minute)) {
		t.Error("not exactly one back after three minutes")
	}
	if got := b.left(true, now.Add(24*time.Hour)); got != 20 {
		t.Errorf("a day later %d are left, want all 20", got)
	}
}

func TestADayOfRejectionsStaysWithinTheBudget(t *testing.T) {
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

// All replicas, and those that start later, share the twenty forced renewals a day.
func TestReplicasShareTheForcedRenewalsOfADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(false), newFakeStore()
		ks := replicas(t, w, s, 2)
		// insist makes one call that WeChat rejects until a renewal is forced, since it
		// says that the dead token is good.
		insist := func(k *Keeper) (ok bool) {
			dead := k.current.Load().Value.Reveal()
			_, ok = call(t.Context(), k, func(value string) bool { return value != dead })
			return ok
		}
		for i := range forcedPerDay {
			time.Sleep(10 * time.Minute)
			if !insist(ks[0]) {
				t.Fatalf("renewal %d was not forced", i+1)
			}
		}
		time.Sleep(10 * time.Minute)
		for who, k := range map[string]*Keeper{"another replica": ks[1], "one that starts later": replicas(t, w, s, 1)[0]} {
			if insist(k) {
				t.Errorf("%s forced one more", who)
			}
			if left := k.Status().ForcedLeft; left != 0 {
				t.Errorf("%s says that %d are left", who, left)
			}
		}
		if _, forced := w.counts(); forced != forcedPerDay {
			t.Errorf("%d forced renewals, want %d", forced, forcedPerDay)
		}
	})
}

// A token that is rejected shortly before its end was not stolen: clocks differ,
// and another replica may be renewing it.
func TestARejectionNearTheEndIsNoRogue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(true)
		w.overlap = 0
		l := &log{}
		k := start(t, w, Options{OnEvent: l.add})
		for range 3 {
			time.Sleep(2*time.Hour - legacyAhead - 30*time.Second)
			w.kill()
			if _, ok := call(t.Context(), k, w.accepts); !ok {
				t.Fatal("not repaired")
			}
			if k.Status().Rogue {
				t.Fatal("accused")
			}
		}
		if n := l.count(EventRogue); n != 0 {
			t.Errorf("%d rogue events", n)
		}
		if asked, _ := w.counts(); asked != 4 {
			t.Errorf("%d fetches, want the first and three on rejection", asked)
		}
	})
	var b budget
	for _, c := range []struct {
		left  time.Duration
		rogue bool
	}{
		{time.Hour, false}, {time.Hour, true}, {time.Minute, false}, // and the count starts again
		{time.Hour, false}, {legacyAhead + time.Minute, true}, {legacyAhead + time.Minute - 1, false}, {time.Hour, false},
	} {
		if got := b.strike(c.left); got != c.rogue {
			t.Errorf("rejected with %v left: rogue=%v", c.left, got)
		}
	}
}
