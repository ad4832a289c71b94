package source_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/source"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

const (
	shopID     = "wx0123456789abcdef"
	shopSecret = "0123456789abcdef0123456789abcdef"
)

// life is a Manager with the account shop in front of a WeChat, both within a
// synctest bubble: time passes as fast as it can.
type life struct {
	t        *testing.T
	platform errcode.Platform
	base     string
	wechat   *wechattest.Server
	keeper   *token.Keeper
	ticket   *token.Keeper // kept from the start
}

// live runs f in a bubble. api is stable, legacy or wecom.
func live(t *testing.T, api string, f func(l *life)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		base := "https://api.weixin.qq.com"
		account := source.Account{Name: "shop", Kind: source.KindOfficial, AppID: shopID, TokenAPI: api, Secret: secret.New(shopSecret), Tickets: []string{"jsapi"}}
		if api == "wecom" {
			account.Kind, account.TokenAPI, base = source.KindWeCom, "", "https://qyapi.weixin.qq.com"
		}
		wechat := wechattest.New(wechattest.Options{Accounts: []wechattest.Account{{AppID: shopID, Secret: shopSecret, WeCom: api == "wecom"}}})
		defer wechat.Close()
		client, err := source.NewClient(source.Options{Platform: account.Platform(), Upstreams: []string{base}, Transport: wechat.RoundTripper()})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		m := token.NewManager(token.Options{})
		defer m.Close()
		m.Set([]token.Account{client.Credentials(account, m.Keeper)})
		f(&life{t: t, platform: account.Platform(), base: base, wechat: wechat, keeper: m.Keeper("shop", token.AccessToken), ticket: m.Keeper("shop", token.JSAPI)})
	})
}

// call makes one call, and repeats it as its Use says. It returns WeChat's
// errcode; the error is that there was no token.
func (l *life) call() (int, error) {
	l.t.Helper()
	u, err := l.keeper.Use(l.t.Context())
	for err == nil {
		u.Sending()
		code := l.send(u.Value().Reveal())
		switch {
		case code == 0:
			u.Accepted()
			return 0, nil
		case errcode.Classify(l.platform, errcode.API, code) != errcode.Renew || !u.Rejected(l.t.Context(), code):
			return code, nil
		}
	}
	return 0, err
}

func (l *life) send(value string) int {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), "GET", l.base+"/cgi-bin/user/get?access_token="+url.QueryEscape(value), nil)
	if err != nil {
		l.t.Fatal(err)
	}
	resp, err := l.wechat.RoundTripper().RoundTrip(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	var a struct{ Errcode int }
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		l.t.Fatal(err)
	}
	return a.Errcode
}

// calls makes a call every so often for so long: all of them are good, and none
// of them is refused.
func (l *life) calls(for_, every time.Duration) {
	l.t.Helper()
	for end := time.Now().Add(for_); time.Now().Before(end); time.Sleep(every) {
		if code, err := l.call(); code != 0 || err != nil {
			l.t.Fatalf("at %v: errcode %d, %v", time.Now(), code, err)
		}
		if c, err := l.ticket.Get(l.t.Context()); err != nil || !c.Live(time.Now()) {
			l.t.Fatalf("at %v: no live ticket: %v", time.Now(), err)
		}
	}
}

// fetched is how often the token endpoints were asked.
func (l *life) fetched(least, most int) {
	l.t.Helper()
	if n := l.wechat.Count("token"); n < least || n > most {
		l.t.Errorf("%d fetches, want %d to %d", n, least, most)
	}
}

// The lives of tokens: how long one is used, at least and at most, before its
// successor is fetched.
var lives = []struct {
	api         string
	least, most time.Duration
}{
	{"stable", 115 * time.Minute, 117*time.Minute + 30*time.Second}, // renewed in the first half of the last five minutes
	{"legacy", 110 * time.Minute, 110 * time.Minute},                // renewed ten minutes ahead
	{"wecom", 110 * time.Minute, 120 * time.Minute},                 // asked ten minutes ahead, and again; WeCom gives no other before the end
}

func TestTwoHoursWithACallEveryFiveSeconds(t *testing.T) {
	for _, c := range lives {
		t.Run(c.api, func(t *testing.T) {
			live(t, c.api, func(l *life) {
				l.calls(2*time.Hour, 5*time.Second)
				if n := l.wechat.Count("rejected"); n != 0 {
					t.Errorf("%d calls were made with a dead token", n)
				}
				if c.api != "wecom" {
					l.fetched(2, 2)
				}
			})
		})
	}
}

func TestAWeekWithACallEveryMinute(t *testing.T) {
	const week = 7 * 24 * time.Hour
	for _, c := range lives {
		t.Run(c.api, func(t *testing.T) {
			live(t, c.api, func(l *life) {
				l.calls(week, time.Minute)
				if n := l.wechat.Count("rejected"); n != 0 {
					t.Errorf("%d calls were made with a dead token", n)
				}
				if c.api == "wecom" {
					if n := l.wechat.Count("new"); n < 84 || n > 85 {
						t.Errorf("%d tokens, want one every two hours", n)
					}
				} else {
					l.fetched(int(week/c.most), int(week/c.least)+1)
				}
				if n := l.wechat.Count("ticket"); n < 336 || n > 400 { // every half hour, and somewhat earlier in the last hour of a ticket's life
					t.Errorf("%d fetches of the ticket, want 336 to 400", n)
				}
				if n := l.wechat.Count("forced_asked"); n != 0 {
					t.Errorf("%d forced renewals", n)
				}
				t.Logf("%d fetches of the token, %d of the ticket", l.wechat.Count("token"), l.wechat.Count("ticket"))
			})
		})
	}
}

// The token service is down for the last four minutes of each life of a token,
// and for some seconds more. Until the end the old token serves; then there is
// none, and a call is told so; and soon after the service is back there is.
func TestTheTokenServiceIsDownAtTheEndOfALife(t *testing.T) {
	for _, kind := range []wechattest.TroubleKind{wechattest.Status, wechattest.Reset, wechattest.Hang, wechattest.Garbage, wechattest.Busy} {
		t.Run(string(kind), func(t *testing.T) {
			live(t, "stable", func(l *life) {
				told := 0
				l.calls(time.Minute, time.Second)
				for range 3 {
					l.calls(l.untilEnd()-4*time.Minute, 15*time.Second)
					end := time.Now().Add(l.untilEnd())
					l.wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/stable_token", Kind: kind, Status: 502})
					l.calls(time.Until(end)-5*time.Second, 3*time.Second) // not a call that waits beyond the end
					for range 15 {
						told += l.callOrTold()
						time.Sleep(time.Second)
					}
					l.wechat.ClearTrouble()
					for back := time.Now(); l.callOrTold() == 1; time.Sleep(time.Second) {
						if time.Since(back) > 75*time.Second { // the longest backoff, and a fetch that hung
							t.Fatal("it does not come back by itself")
						}
					}
				}
				if n := l.wechat.Count("rejected"); n != 0 {
					t.Errorf("%d calls were made with a dead token", n)
				}
				t.Logf("%d fetches, %d calls were told that there is no token", l.wechat.Count("token"), told)
			})
		})
	}
}

// untilEnd is what is left of the token's life.
func (l *life) untilEnd() time.Duration {
	l.t.Helper()
	return time.Until(l.keeper.Status().ExpiresAt)
}

// callOrTold makes a call and returns 1 if it was told that there is no token.
// Whatever else goes wrong is an error.
func (l *life) callOrTold() int {
	l.t.Helper()
	code, err := l.call()
	var u *token.Unavailable
	switch {
	case errors.As(err, &u) && u.RetryAfter > 0:
		return 1
	case err != nil || code != 0:
		l.t.Fatalf("errcode %d, %v", code, err)
	}
	return 0
}

// Tokens die before their time, once in a while, in every way there is. Each
// death costs one fetch more, and no call.
func TestTokensThatDieEarly(t *testing.T) {
	for _, c := range []struct {
		name, api string
		die       func(*wechattest.Server)
		fetches   int // for each death
		forced    int
	}{
		{"40001, stable", "stable", func(s *wechattest.Server) { s.Invalidate(shopID) }, 1, 0},
		{"42001, stable", "stable", func(s *wechattest.Server) { s.Expire(shopID) }, 1, 0},
		{"40014 while WeChat still gives it out", "stable", func(s *wechattest.Server) { s.Reject(shopID, 40014) }, 2, 1},
		{"40001, legacy", "legacy", func(s *wechattest.Server) { s.Invalidate(shopID) }, 1, 0},
		{"42001, WeCom", "wecom", func(s *wechattest.Server) { s.Expire(shopID) }, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, c.api, func(l *life) {
				const deaths = 10
				l.calls(time.Minute, 5*time.Second)
				l.wechat.ResetLog()
				for range deaths {
					l.calls(37*time.Minute, 5*time.Second)
					c.die(l.wechat)
				}
				l.calls(37*time.Minute, 5*time.Second)
				l.fetched(deaths*c.fetches, deaths*c.fetches)
				if n := l.wechat.Count("forced"); n != deaths*c.forced {
					t.Errorf("%d forced renewals, want %d", n, deaths*c.forced)
				}
				// the call that met it, and the ticket's fetch at most
				if n := l.wechat.Count("rejected"); n < deaths || n > deaths*(1+c.fetches) {
					t.Errorf("%d calls were refused, want one for each of %d deaths, and once more where WeChat insisted", n, deaths)
				}
			})
		})
	}
}

// WeChat refuses good tokens now and then: known from the field. No call fails,
// and nothing is renewed.
func TestSpuriousRefusals(t *testing.T) {
	live(t, "stable", func(l *life) {
		l.wechat.Spurious(shopID, 0.01)
		l.calls(24*time.Hour, 7*time.Second)
		if n := l.wechat.Count("forced_asked"); n != 0 {
			t.Errorf("%d forced renewals", n)
		}
		spurious := l.wechat.Count("spurious")
		l.fetched(12, 14+spurious)
		if n := l.wechat.Count("rejected"); n != spurious || spurious < 100 {
			t.Errorf("%d refusals, %d of them spurious", n, spurious)
		}
		t.Logf("%d fetches for %d spurious refusals", l.wechat.Count("token"), spurious)
	})
}
