package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

func TestReady(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		world  *world
		query  string
		status int
	}{
		{"with nothing configured", newWorld(), "", 503},
		{"with a live token", newWorld().with("shop"), "", 200},
		{"with one of two", newWorld().with("shop").with("game", expired), "", 200},
		{"with a stale one", newWorld().with("shop", func(s *token.Status) { s.State = token.Stale }), "", 200},
		{"with none yet", newWorld().with("shop", empty), "", 503},
		{"with a dead one", newWorld().with("shop", expired), "", 503},
		{"with one that WeChat rejects", newWorld().with("shop", func(s *token.Status) { s.Rejected = true }), "", 200},
		{"with one that WeChat rejects for good", newWorld().with("shop", rejectedForGoodStatus), "", 503},
		{"asked for one that WeChat rejects for good", newWorld().with("shop").with("game", rejectedForGoodStatus), "?account=game", 503},
		{"asked for the one that lives", newWorld().with("shop").with("game", expired), "?account=shop", 200},
		{"asked for it by its ID", newWorld().with("shop").with("game", expired), "?account=wx-shop", 200},
		{"asked for the one that is dead", newWorld().with("shop").with("game", expired), "?account=game", 503},
		{"asked for one that is not there", newWorld().with("shop"), "?account=toys", 404},
		{"on the way out", func() *world { w := newWorld().with("shop"); w.draining = true; return w }(), "", 503},
	} {
		a := New(c.world.options())
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if got := ask(t, a, method, "/readyz"+c.query, ""); got.Code != c.status {
				t.Errorf("%s, %s: %d, want %d: %s", c.name, method, got.Code, c.status, got.Body)
			}
		}
	}
}

func TestReadySaysWhyAndWhatToDo(t *testing.T) {
	t.Parallel()
	a := New(newWorld().with("a-shop").with("shop", empty, failing(ipNotAllowed())).options())
	got := parse[readyAnswer](t, ask(t, a, "GET", "/readyz", ""))
	if len(got.Accounts) != 2 || got.Accounts[0].Name != "shop" {
		t.Fatalf("accounts %+v, want shop first", got.Accounts)
	}
	e := got.Accounts[0].LastError
	if e == nil || e.Errcode != 40164 || e.IP != "101.226.140.197" || e.Advice == nil || !strings.Contains(e.Advice.EN, e.IP) || !strings.Contains(e.Advice.ZH, e.IP) {
		t.Errorf("last error %+v", e)
	}
	if left := got.Accounts[1].SecondsLeft; left != 3600 {
		t.Errorf("%d seconds left, want 3600", left)
	}
}

// A token that WeChat rejects has life left by the clock only.
func TestRejectedTokenIsReported(t *testing.T) {
	t.Parallel()
	a := New(newWorld().with("a-shop").with("shop", func(s *token.Status) { s.Rejected, s.LastRejectedErrcode = true, 40001 }).with("game", rejectedForGoodStatus).options())
	ready := parse[readyAnswer](t, ask(t, a, "GET", "/readyz", ""))
	for i, want := range []readyRow{{Name: "game", Rejected: true}, {Name: "shop", Rejected: true}, {Name: "a-shop"}} {
		if got := ready.Accounts[i]; got.Name != want.Name || got.Rejected != want.Rejected || got.State != token.Fresh {
			t.Errorf("/readyz, row %d: %+v", i, got)
		}
	}
	s := parse[status](t, ask(t, a, "GET", "/api/status", ""))
	if rows := s.Accounts.Rows; rows[0].Health != healthDown || !rows[0].Credentials[0].Rejected || rows[1].Health != healthWarning || rows[2].Credentials[0].Rejected {
		t.Errorf("/api/status: %+v", rows)
	}
	if v := s.Overview.Headline; v.EN != "WeChat rejects the token of game, and gives no other." || v.Level != healthDown {
		t.Errorf("headline %+v", v)
	}
	text := ask(t, a, "GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`wechat_proxy_credential_refused{account="game",kind="access_token"} 1`, `wechat_proxy_credential_refused{account="a-shop",kind="access_token"} 0`,
		`wechat_proxy_accounts{health="down"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestReadyStaysSmall(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i := range 10_000 {
		w.with(fmt.Sprintf("account-%05d", i))
	}
	w.with("zoo", expired, failing(errors.New(strings.Repeat("long ", 1000))))
	got := ask(t, New(w.options()), "GET", "/readyz", "")
	answer := parse[readyAnswer](t, got)
	if got.Body.Len() > 32<<10 || len(answer.Accounts) != maxReady {
		t.Errorf("%d bytes, %d accounts", got.Body.Len(), len(answer.Accounts))
	}
	if answer.Accounts[0].Name != "zoo" || answer.Counts[healthDown] != 1 || answer.Counts[healthOK] != 10_000 {
		t.Errorf("first %+v, counts %v", answer.Accounts[0], answer.Counts)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.key = secret.New("a long admin key")
	a := New(w.options())
	for _, method := range []string{"GET", "HEAD"} {
		if got := ask(t, a, method, "/healthz", "", "Host", "anything.example"); got.Code != 200 {
			t.Errorf("%s: %d", method, got.Code)
		}
	}
	if got := ask(t, a, "POST", "/healthz", ""); got.Code != 405 || got.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", got.Code, got.Header().Get("Allow"))
	}
}
