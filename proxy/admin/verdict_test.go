package admin

import (
	"errors"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	up := Store{Up: true}
	open, closed := Host{State: "open"}, Host{State: "closed"}
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
		{"no host", facts{counts: map[health]int{healthOK: 1}, hosts: []Host{open, open}, store: up}, healthDown, "No host of WeChat's can be reached."},
		{"one host less", facts{counts: map[health]int{healthOK: 1}, hosts: []Host{open, closed}, store: up}, healthWarning, "WeChat works, though not by every host."},
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
		{"quiet", with(func(s *token.Status) { s.QuietUntil = noon.Add(time.Second) }), healthWarning},
		{"quiet no longer", with(func(s *token.Status) { s.QuietUntil = noon }), healthOK},
		{"alive, with a dead ticket", append(with(func(*token.Status) {}), ticket), healthWarning},
		{"dead, with a live ticket", append(with(expired), fresh("shop", noon)), healthDown},
	} {
		if got := healthOf(c.statuses, noon); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
