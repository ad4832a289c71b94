package token

import (
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

func TestForcedRenewalsAreThirtySecondsApartAndTwentyADay(t *testing.T) {
	t.Parallel()
	var l ledger
	now := time.Unix(1700000000, 0)
	if !l.spend(false, now) {
		t.Fatal("not the first")
	}
	if l.spend(false, now.Add(29*time.Second)) {
		t.Error("two within 30 s")
	}
	for i := range 19 {
		if !l.spend(false, now.Add(time.Duration(i+1)*30*time.Second)) {
			t.Fatalf("not number %d", i+2)
		}
	}
	if l.spend(false, now.Add(23*time.Hour)) {
		t.Error("a 21st on one day")
	}
	if !l.spend(false, now.Add(24*time.Hour)) || l.left(false, now.Add(24*time.Hour)) != 0 {
		t.Error("not exactly one back after a day")
	}
}

func TestTheLegacyBucketRefillsEveryThreeMinutes(t *testing.T) {
	t.Parallel()
	var l ledger
	now := time.Unix(1700000000, 0)
	for i := range 20 {
		if !l.spend(true, now) {
			t.Fatalf("not number %d", i+1)
		}
	}
	if l.spend(true, now.Add(3*time.Minute-time.Second)) {
		t.Error("a 21st")
	}
	if !l.spend(true, now.Add(3*time.Minute)) || l.spend(true, now.Add(3*time.Minute)) {
		t.Error("not exactly one back after three minutes")
	}
	if got := l.left(true, now.Add(24*time.Hour)); got != 20 {
		t.Errorf("a day later %d are left, want all 20", got)
	}
}

func TestQuietDoublesToAnHour(t *testing.T) {
	t.Parallel()
	var q quiet
	now := time.Unix(1700000000, 0)
	for i, want := range []time.Duration{30, 60, 120, 240, 480, 960, 1920, 3600, 3600} {
		if d, news := q.unhelpful(secret.New(string(rune('a'+i))), now); !news || d != want*time.Second {
			t.Errorf("unhelpful renewal %d: quiet for %v, want %v", i+1, d, want*time.Second)
		}
	}
	if _, news := q.unhelpful(secret.New("i"), now); news {
		t.Error("one renewal was counted twice")
	}
}

// WeCom gives the same value for two hours: each time that it did not help
// makes the quiet time longer, a crowd that is refused at once only one of them.
func TestTheSameValueMayFailToHelpAgain(t *testing.T) {
	var q quiet
	now := time.Unix(1_800_000_000, 0)
	v := secret.New("v")
	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
		d, news := q.unhelpful(v, now)
		if !news || d != want || !q.active(now) {
			t.Errorf("got %v, %v; want %v", d, news, want)
		}
		if _, news := q.unhelpful(v, now.Add(d-time.Second)); news {
			t.Error("the crowd counts too")
		}
		now = now.Add(d + moment)
	}
}
