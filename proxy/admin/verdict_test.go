package admin

import (
	"errors"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	up := Store{Up: true}
	open, half, closed := Host{State: "open"}, Host{State: "half-open"}, Host{State: "closed"}
	wecomOpen, wecomClosed := Host{Platform: errcode.WeCom, State: "open"}, Host{Platform: errcode.WeCom, State: "closed"}
	one := map[health]int{healthOK: 1}
	mp, wecom, both := map[errcode.Platform]bool{errcode.MP: true}, map[errcode.Platform]bool{errcode.WeCom: true}, map[errcode.Platform]bool{errcode.MP: true, errcode.WeCom: true}
	for _, c := range []struct {
		name  string
		facts facts
		level health
		en    string
	}{
		{"all is well", facts{counts: map[health]int{healthOK: 3}, hosts: []Host{closed}, store: up}, healthOK, "WeChat works."},
		{"one has none", facts{counts: map[health]int{healthOK: 3, healthDown: 1}, worst: "shop", store: up}, healthDown, "Account shop has no token."},
		{"some have none", facts{counts: map[health]int{healthOK: 3, healthDown: 2}, worst: "shop", store: up}, healthDown, "2 of 5 accounts have no token, shop among them."},
		{"one needs a look", facts{counts: map[health]int{healthOK: 3, healthWarning: 1}, worst: "shop", store: up}, healthWarning, "WeChat works. Account shop wants attention."},
		{"no host", facts{counts: one, platforms: mp, hosts: []Host{open, open}, store: up}, healthDown, "No host of WeChat's can be reached."},
		{"no host, one of them being tried", facts{counts: one, platforms: mp, hosts: []Host{open, half}, store: up}, healthDown, "No host of WeChat's can be reached."},
		{"no host, and so no token", facts{counts: map[health]int{healthDown: 1}, worst: "shop", platforms: mp, hosts: []Host{open}, store: up}, healthDown, "No host of WeChat's can be reached."},
		{"no host of the one platform", facts{counts: one, platforms: both, hosts: []Host{open, open, wecomClosed}, store: up}, healthDown, "No host of WeChat's can be reached."},
		{"no host of the other", facts{counts: one, platforms: both, hosts: []Host{closed, open, wecomOpen}, store: up}, healthDown, "No host of WeCom's can be reached."},
		{"no host of any", facts{counts: one, platforms: both, hosts: []Host{open, wecomOpen}, store: up}, healthDown, "No host of WeChat's or WeCom's can be reached."},
		{"no host of a platform without accounts", facts{counts: one, platforms: wecom, hosts: []Host{open, open, wecomClosed}, store: up}, healthOK, "WeChat works."},
		{"one host less", facts{counts: one, platforms: mp, hosts: []Host{open, closed}, store: up}, healthWarning, "WeChat works, though not by every host."},
		{"one host being tried", facts{counts: one, platforms: mp, hosts: []Host{half, closed}, store: up}, healthWarning, "WeChat works, though not by every host."},
		{"a token refused for good", facts{counts: map[health]int{healthOK: 3, healthDown: 1}, worst: "shop", refused: true, code: 40001, store: up}, healthDown, "WeChat refuses the token of shop, and gives no other."},
		{"some refused for good", facts{counts: map[health]int{healthOK: 3, healthDown: 2}, worst: "shop", refused: true, code: 40001, store: up}, healthDown, "2 of 5 accounts have no token that WeChat takes, shop among them."},
		{"a token refused", facts{counts: map[health]int{healthOK: 3, healthWarning: 2}, worst: "shop", refused: true, code: 40001, store: up}, healthWarning, "Account shop wants attention: WeChat refuses its token (40001)."},
		{"most calls fail", facts{counts: one, store: up, calls: 5, broken: 3}, healthWarning, "Most calls fail: 3 of 5 in the last minute."},
		{"half of the calls fail", facts{counts: one, store: up, calls: 6, broken: 3}, healthOK, "WeChat works."},
		{"all of too few calls fail", facts{counts: one, store: up, calls: 4, broken: 4}, healthOK, "WeChat works."},
		{"no store", facts{counts: map[health]int{healthOK: 1}}, healthWarning, "WeChat works, but the credential store is down."},
		{"the first second", facts{counts: map[health]int{healthStarting: 2}, store: up}, healthStarting, "Starting: no token yet."},
		{"nothing to do", facts{store: up}, healthWarning, "No account is configured."},
		{"the end", facts{draining: true, counts: map[health]int{healthDown: 1}, store: up}, healthWarning, "Shutting down: calls under way are finished, new ones go elsewhere."},
	} {
		if got := verdictOf(c.facts); got.Level != c.level || got.EN != c.en || got.ZH == "" {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestHealthOf(t *testing.T) {
	t.Parallel()
	with := func(change func(*token.Status)) []token.Status {
		s := fresh("shop", noon)
		change(&s)
		return []token.Status{s}
	}
	refusedTicket := fresh("shop", noon)
	refusedTicket.Key.Kind, refusedTicket.ForcedLeft = token.JSAPI, -1
	cutOff(&refusedTicket)
	ticket := fresh("shop", noon)
	ticket.Key.Kind, ticket.State, ticket.ForcedLeft = token.JSAPI, token.Expired, -1
	for _, c := range []struct {
		name     string
		statuses []token.Status
		want     health
	}{
		{"fresh", with(func(*token.Status) {}), healthOK},
		{"being renewed", with(func(s *token.Status) { s.State = token.Stale }), healthOK},
		{"nothing asked for yet", nil, healthStarting},
		{"the first fetch is under way", with(empty), healthStarting},
		{"the first fetch failed", with(func(s *token.Status) { empty(s); s.LastErr = errors.New("x") }), healthDown},
		{"dead", with(expired), healthDown},
		{"alive, and the renewal failed", with(func(s *token.Status) { s.LastErr = errors.New("x") }), healthWarning},
		{"alive, with a rogue about", with(func(s *token.Status) { s.Rogue = true }), healthWarning},
		{"alive, the budget low", with(func(s *token.Status) { s.ForcedLeft = 4 }), healthWarning},
		{"alive, with no budget at all", with(func(s *token.Status) { s.ForcedLeft = -1 }), healthOK},
		{"refused, another may come", with(func(s *token.Status) { s.Rejected = true }), healthWarning},
		{"refused, and no other to be had", with(cutOff), healthDown},
		{"the ticket refused", append(with(func(*token.Status) {}), refusedTicket), healthWarning},
		{"quiet", with(func(s *token.Status) { s.CooldownUntil = noon.Add(time.Second) }), healthWarning},
		{"quiet no longer", with(func(s *token.Status) { s.CooldownUntil = noon }), healthOK},
		{"alive, with a dead ticket", append(with(func(*token.Status) {}), ticket), healthWarning},
		{"dead, with a live ticket", append(with(expired), fresh("shop", noon)), healthDown},
	} {
		if got := healthOf(c.statuses, noon); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// What is wrong with calls now is not what was wrong an hour ago, nor what the
// caller did wrong.
func TestMostCallsFailIsSaidOfNow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		call Call
		says bool
	}{
		{"a 502", Call{Status: 502}, true},
		{"a refused token", Call{Status: 200, Errcode: 40001}, true},
		{"a refused token of WeCom's", Call{Status: 200, Errcode: 42001, Platform: errcode.WeCom}, true},
		{"a user's token, which is not ours", Call{Status: 200, Errcode: 40001, Class: "sns_user"}, false},
		{"a caller's mistake", Call{Status: 200, Errcode: 47001}, false},
		{"a call that was turned away", Call{Status: 401}, false},
		{"some time ago", Call{Status: 502, At: noon.Add(-2 * time.Minute)}, false},
	} {
		a := New(newWorld().with("shop").options())
		if c.call.At.IsZero() {
			c.call.At = noon.Add(-20 * time.Second)
		}
		c.call.Account = "shop"
		for range 6 {
			a.Call(c.call)
		}
		a.Call(Call{At: c.call.At, Account: "shop", Status: 200})
		v := parse[status](t, ask(t, a, "GET", "/api/status", "")).Overview.Verdict
		if says := v.EN == "Most calls fail: 6 of 7 in the last minute."; says != c.says {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}
