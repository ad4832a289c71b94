package admin

import (
	"errors"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

func TestHeadline(t *testing.T) {
	t.Parallel()
	up := Store{Up: true}
	open, half, closed := Host{State: "open"}, Host{State: "half-open"}, Host{State: "closed"}
	wecomOpen, wecomClosed := Host{Platform: errcode.WeCom, State: "open"}, Host{Platform: errcode.WeCom, State: "closed"}
	one := map[health]int{healthOK: 1}
	mp, wecom, both := map[errcode.Platform]bool{errcode.MP: true}, map[errcode.Platform]bool{errcode.WeCom: true}, map[errcode.Platform]bool{errcode.MP: true, errcode.WeCom: true}
	for _, c := range []struct {
		name       string
		conditions conditions
		level      health
		en         string
	}{
		{"all is well", conditions{counts: map[health]int{healthOK: 3}, hosts: []Host{closed}, store: up}, healthOK, "WeChat works."},
		{"one has none", conditions{counts: map[health]int{healthOK: 3, healthDown: 1}, worst: "shop", store: up}, healthDown, "Account shop has no token."},
		{"some have none", conditions{counts: map[health]int{healthOK: 3, healthDown: 2}, worst: "shop", store: up}, healthDown, "2 of 5 accounts have no token, including shop."},
		{"one needs a look", conditions{counts: map[health]int{healthOK: 3, healthWarning: 1}, worst: "shop", store: up}, healthWarning, "WeChat works. Account shop needs attention."},
		{"no host", conditions{counts: one, platforms: mp, hosts: []Host{open, open}, store: up}, healthDown, "No WeChat host can be reached."},
		{"no host, one of them being tried", conditions{counts: one, platforms: mp, hosts: []Host{open, half}, store: up}, healthDown, "No WeChat host can be reached."},
		{"no host, and so no token", conditions{counts: map[health]int{healthDown: 1}, worst: "shop", platforms: mp, hosts: []Host{open}, store: up}, healthDown, "No WeChat host can be reached."},
		{"no host of the one platform", conditions{counts: one, platforms: both, hosts: []Host{open, open, wecomClosed}, store: up}, healthDown, "No WeChat host can be reached."},
		{"no host of the other", conditions{counts: one, platforms: both, hosts: []Host{closed, open, wecomOpen}, store: up}, healthDown, "No WeCom host can be reached."},
		{"no host of any", conditions{counts: one, platforms: both, hosts: []Host{open, wecomOpen}, store: up}, healthDown, "No WeChat or WeCom host can be reached."},
		{"no host of a platform without accounts", conditions{counts: one, platforms: wecom, hosts: []Host{open, open, wecomClosed}, store: up}, healthOK, "WeChat works."},
		{"one host less", conditions{counts: one, platforms: mp, hosts: []Host{open, closed}, store: up}, healthWarning, "WeChat works, but some of its hosts cannot be reached."},
		{"one host being tried", conditions{counts: one, platforms: mp, hosts: []Host{half, closed}, store: up}, healthWarning, "WeChat works, but some of its hosts cannot be reached."},
		{"a token rejected for good", conditions{counts: map[health]int{healthOK: 3, healthDown: 1}, worst: "shop", rejected: true, code: 40001, store: up}, healthDown, "WeChat rejects the token of shop, and gives no other."},
		{"some rejected for good", conditions{counts: map[health]int{healthOK: 3, healthDown: 2}, worst: "shop", rejected: true, code: 40001, store: up}, healthDown, "2 of 5 accounts have no token that WeChat accepts, including shop."},
		{"a token rejected", conditions{counts: map[health]int{healthOK: 3, healthWarning: 2}, worst: "shop", rejected: true, code: 40001, store: up}, healthWarning, "Account shop needs attention: WeChat rejects its token (40001)."},
		{"most calls fail", conditions{counts: one, store: up, calls: 5, faults: 3}, healthWarning, "Most calls fail: 3 of 5 in the last minute."},
		{"half of the calls fail", conditions{counts: one, store: up, calls: 6, faults: 3}, healthOK, "WeChat works."},
		{"all of too few calls fail", conditions{counts: one, store: up, calls: 4, faults: 4}, healthOK, "WeChat works."},
		{"no store", conditions{counts: map[health]int{healthOK: 1}}, healthWarning, "WeChat works, but the credential store is down."},
		{"the first second", conditions{counts: map[health]int{healthStarting: 2}, store: up}, healthStarting, "Starting: no token yet."},
		{"nothing to do", conditions{store: up}, healthWarning, "No account is configured."},
		{"the end", conditions{draining: true, counts: map[health]int{healthDown: 1}, store: up}, healthWarning, "Shutting down: calls in flight are finished, new ones are not accepted."},
	} {
		if got := headlineFor(c.conditions); got.Level != c.level || got.EN != c.en || got.ZH == "" {
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
	rejectedTicket := fresh("shop", noon)
	rejectedTicket.Key.Kind, rejectedTicket.ForcedLeft = token.JSAPI, -1
	rejectedForGoodStatus(&rejectedTicket)
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
		{"rejected, another may come", with(func(s *token.Status) { s.Rejected = true }), healthWarning},
		{"rejected, and no other could be fetched", with(rejectedForGoodStatus), healthDown},
		{"the ticket rejected", append(with(func(*token.Status) {}), rejectedTicket), healthWarning},
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

// Only calls of the last minute count, and only failures that are no fault of
// the caller's.
func TestHeadlineSaysThatMostCallsFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		call stats.Call
		says bool
	}{
		{"a 502", stats.Call{Status: 502}, true},
		{"a rejected token", stats.Call{Status: 200, Errcode: 40001}, true},
		{"a rejected token of WeCom's", stats.Call{Status: 200, Errcode: 42001, Platform: errcode.WeCom}, true},
		{"a user's token, which is not ours", stats.Call{Status: 200, Errcode: 40001, Class: "sns_user"}, false},
		{"a caller's mistake", stats.Call{Status: 200, Errcode: 47001}, false},
		{"a call that was refused", stats.Call{Status: 401}, false},
		{"some time ago", stats.Call{Status: 502, At: noon.Add(-2 * time.Minute)}, false},
	} {
		a := New(newWorld().with("shop").options())
		if c.call.At.IsZero() {
			c.call.At = noon.Add(-20 * time.Second)
		}
		c.call.Account = "shop"
		for range 6 {
			a.Call(c.call)
		}
		a.Call(stats.Call{At: c.call.At, Account: "shop", Status: 200})
		v := parse[status](t, ask(t, a, "GET", "/api/status", "")).Overview.Headline
		if says := v.EN == "Most calls fail: 6 of 7 in the last minute."; says != c.says {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}
