package token

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestNext(t *testing.T) {
	t.Parallel()
	const h, m, s = time.Hour, time.Minute, time.Second
	for _, c := range []struct {
		name        string
		schedule    Schedule
		life        time.Duration
		first, last time.Duration // the renewal is due between these, after the fetch
	}{
		{"stable: in the first half of the last five minutes", StableSchedule(), 2 * h, 2*h - 5*m, 2*h - 150*s},
		{"stable with an hour left: the same", StableSchedule(), h, h - 5*m, h - 150*s},
		{"stable with under ten minutes left: at half", StableSchedule(), 8 * m, 4 * m, 4 * m},
		{"stable with five minutes left: at half", StableSchedule(), 300 * s, 150 * s, 150 * s},
		{"a token of two seconds: at half", StableSchedule(), 2 * s, s, s},
		{"legacy: ten minutes ahead", LegacySchedule(), 2 * h, 2*h - 10*m, 2*h - 10*m},
		{"legacy with little left: at half", LegacySchedule(), 15 * m, 450 * s, 450 * s},
		{"WeCom: ten minutes ahead", WeComSchedule(), 2 * h, 2*h - 10*m, 2*h - 10*m},
		{"a ticket: after half an hour, whatever it says", TicketSchedule(), 2 * h, 27 * m, 30 * m},
		{"a ticket with little left: at half", TicketSchedule(), 20 * m, 10 * m, 10 * m},
	} {
		at := time.Unix(1700000000, 0)
		for _, jitter := range []float64{0, 0.5, 0.999999} {
			got := c.schedule.Next(at, at.Add(c.life), jitter).Sub(at)
			if got < c.first || got > c.last {
				t.Errorf("%s: %v after the fetch, want %v to %v", c.name, got, c.first, c.last)
			}
		}
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		n      int
		denied bool
		want   time.Duration
	}{
		{"the first trouble", 1, false, time.Second},
		{"the third", 3, false, 4 * time.Second},
		{"trouble without end", 1000, false, time.Minute},
		{"the first no", 1, true, 30 * time.Second},
		{"the second", 2, true, time.Minute},
		{"a no without end", 1000, true, 10 * time.Minute},
	} {
		if got := backoff(c.n, c.denied, 0); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if got := backoff(c.n, c.denied, 0.999); got > c.want || got < c.want*4/5 {
			t.Errorf("%s with jitter: %v", c.name, got)
		}
	}
}

// Replicas that fail together do not come back together.
func TestBackoffJitter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		n      int
		denied bool
		jitter float64
		want   time.Duration
	}{
		{"none after the first failure", 1, false, 0.5, time.Second},
		{"a tenth at half", 2, false, 0.5, 1800 * time.Millisecond},
		{"almost a fifth at most", 3, false, 0.75, 3400 * time.Millisecond},
		{"of the longest wait too", 1000, false, 0.5, 54 * time.Second},
		{"none after a no", 3, true, 0.5, 2 * time.Minute},
	} {
		if got := backoff(c.n, c.denied, c.jitter); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		waits := map[time.Duration]bool{}
		for range 20 {
			w := newWechat(false)
			w.fail(errUnreachable)
			k := start(t, w, Options{})
			began := time.Now()
			time.Sleep(1500 * time.Millisecond) // it has failed at once, and after a second
			wait := k.Status().NextTryAt.Sub(began.Add(time.Second))
			if wait <= 1600*time.Millisecond || wait > 2*time.Second {
				t.Errorf("after the second failure it waits %v", wait)
			}
			waits[wait] = true
			k.m.Close()
		}
		if len(waits) < 10 {
			t.Errorf("20 replicas wait for %d different times", len(waits))
		}
	})
}
