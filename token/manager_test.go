package token

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

func TestAWeekCostsOneFetchPerLife(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		t.Run(fmt.Sprintf("legacy=%v", legacy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWechat(legacy)
				k := start(t, w, Options{})
				for range 7 * 24 * 60 {
					time.Sleep(time.Minute)
					c, err := k.Get(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if !w.accepts(c.Value.Reveal()) {
						t.Fatalf("a dead token was given out at %v", time.Now())
					}
				}
				asked, forced := w.counts()
				lives := 7 * 24 * 60 / 110
				if asked < 7*24/2 || asked > lives+2 || forced != 0 {
					t.Errorf("a week took %d fetches and %d forced ones, want 84 to %d, and none", asked, forced, lives+2)
				}
			})
		})
	}
}

func TestTheOldTokenServesWhileTheTokenServiceIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := start(t, w, Options{})
		time.Sleep(2*time.Hour - 4*time.Minute - 59*time.Second)
		w.fail(errUnreachable)
		before, _ := w.counts()
		for range 4*60 - 2 {
			time.Sleep(time.Second)
			if c, err := k.Get(t.Context()); err != nil || !w.accepts(c.Value.Reveal()) {
				t.Fatalf("no live token: %v", err)
			}
		}
		w.fail(nil)
		time.Sleep(time.Minute)
		if c, err := k.Get(t.Context()); err != nil || !w.accepts(c.Value.Reveal()) {
			t.Fatalf("no live token after the trouble: %v", err)
		}
		if after, _ := w.counts(); after-before > 12 {
			t.Errorf("four minutes of trouble took %d fetches", after-before)
		}
	})
}

func TestADeadTokenIsNeverGivenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := start(t, w, Options{})
		if _, err := k.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.fail(errUnreachable)
		time.Sleep(2*time.Hour + time.Second)
		var u *Unavailable
		if _, err := k.Get(t.Context()); !errors.As(err, &u) || u.RetryAfter <= 0 || u.RetryAfter > time.Minute {
			t.Fatalf("got %v, want Unavailable with a wait of at most a minute", err)
		}
		w.fail(nil)
		time.Sleep(time.Minute)
		if _, err := k.Get(t.Context()); err != nil {
			t.Fatalf("it did not come back by itself: %v", err)
		}
	})
}

func TestAThousandCallersShareOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		w.delay = 300 * time.Millisecond
		k := start(t, w, Options{})
		var wg sync.WaitGroup
		var good atomic.Int64
		for range 1000 {
			wg.Go(func() {
				if _, err := k.Get(t.Context()); err == nil {
					good.Add(1)
				}
			})
		}
		wg.Wait()
		if asked, _ := w.counts(); asked != 1 || good.Load() != 1000 {
			t.Errorf("%d fetches, %d good of 1000", asked, good.Load())
		}
	})
}

func TestACallerThatLeavesDoesNotEndTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		w.delay = 2 * time.Second
		k := start(t, w, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := k.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		time.Sleep(1100 * time.Millisecond)
		if k.Status().State != Fresh {
			t.Error("the fetch ended with its caller")
		}
	})
}

func TestWeChatsNoIsRetriedSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		w.fail(no(40125))
		k := start(t, w, Options{})
		for range 1000 {
			time.Sleep(100 * time.Millisecond)
			if _, err := k.Get(t.Context()); err == nil {
				t.Fatal("a token out of nothing")
			}
		}
		if asked, _ := w.counts(); asked != 3 { // at 0, 30 and 90 s
			t.Errorf("100 s of calls took %d fetches, want 3", asked)
		}
		w.fail(nil)
		if _, err := k.Renew(t.Context()); err != nil {
			t.Errorf("the operator's renewal waited: %v", err)
		}
	})
}

func TestChangedSettingsAreUsedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		w.fail(no(40125))
		k := start(t, w, Options{})
		time.Sleep(time.Minute)
		good := newWechat(false)
		k.m.Set([]Account{accountOf(good, "2")})
		synctest.Wait()
		if c, err := k.Get(t.Context()); err != nil || !good.accepts(c.Value.Reveal()) {
			t.Errorf("the new secret was not used: %v", err)
		}
	})
}

func TestUnchangedAccountsKeepTheirTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(true)
		k := start(t, w, Options{})
		synctest.Wait()
		for range 100 {
			k.m.Set([]Account{accountOf(w, "1")})
		}
		time.Sleep(time.Minute)
		if k2 := k.m.Keeper("shop", AccessToken); k2 != k {
			t.Error("another keeper")
		}
		if asked, _ := w.counts(); asked != 1 {
			t.Errorf("%d fetches, want 1", asked)
		}
	})
}

func TestAnAccountTakenOutIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := start(t, w, Options{})
		synctest.Wait()
		k.m.Set(nil)
		if _, err := k.Get(t.Context()); !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v, want ErrUnknown", err)
		}
		if k.m.Keeper("shop", AccessToken) != nil {
			t.Error("still there")
		}
		time.Sleep(24 * time.Hour)
		if asked, _ := w.counts(); asked != 1 {
			t.Errorf("renewed %d times after it was taken out", asked-1)
		}
	})
}

func TestAThousandAccountsStartWithoutAStampede(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		src := SourceFunc(func(ctx context.Context, _ FetchRequest) (Fetched, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			sleep(ctx, 100*time.Millisecond)
			return Fetched{Value: secret.New("x"), ExpiresIn: 2 * time.Hour}, nil
		})
		accounts := make([]Account, 1000)
		for i := range accounts {
			accounts[i] = Account{Name: fmt.Sprint("a", i), ID: fmt.Sprint("wx", i), Credentials: []Spec{
				{Kind: AccessToken, Source: src, Schedule: StableSchedule(), Eager: true},
			}}
		}
		m := NewManager(Options{AtOnce: 8})
		defer m.Close()
		m.Set(accounts)
		time.Sleep(time.Minute)
		if got := len(m.Statuses()); got != 1000 || most.Load() > 8 {
			t.Errorf("%d accounts, %d fetches at once", got, most.Load())
		}
		for _, s := range m.Statuses() {
			if s.State != Fresh {
				t.Fatalf("%v is %v", s.Key, s.State)
			}
		}
	})
}
