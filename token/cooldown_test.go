package token

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

func TestTheCooldownDoublesToAnHour(t *testing.T) {
	t.Parallel()
	var c cooldown
	now := time.Unix(1700000000, 0)
	for i, want := range []time.Duration{30, 60, 120, 240, 480, 960, 1920, 3600, 3600} {
		if d, news := c.extend(secret.New(string(rune('a'+i))), now); !news || d != want*time.Second {
			t.Errorf("renewal that did not help, %d: cooldown of %v, want %v", i+1, d, want*time.Second)
		}
	}
	if _, news := c.extend(secret.New("i"), now); news {
		t.Error("one renewal was counted twice")
	}
}

// WeCom gives the same value for two hours: each time that it did not help
// makes the cooldown longer, a crowd that is rejected at once only one of them.
func TestTheSameValueMayFailToHelpAgain(t *testing.T) {
	var c cooldown
	now := time.Unix(1_800_000_000, 0)
	v := secret.New("v")
	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
		d, news := c.extend(v, now)
		if !news || d != want || !c.active(now) {
			t.Errorf("got %v, %v; want %v", d, news, want)
		}
		if _, news := c.extend(v, now.Add(d-time.Second)); news {
			t.Error("the crowd counts too")
		}
		now = now.Add(d + confirmationLife)
	}
}

func TestTheCooldownGrowsUntilARepeatedCallSucceeds(t *testing.T) {
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
			t.Errorf("ten minutes of rejections: %d cooldowns, want 5", n)
		}
		time.Sleep(time.Hour)
		w.kill()
		if _, ok := call(t.Context(), k, w.accepts); !ok {
			t.Fatal("not repaired after the cooldown")
		}
		if k.Status().CooldownUntil.After(time.Now()) {
			t.Error("still in cooldown after a repeated call succeeded")
		}
	})
}
