package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

type problemAnswer struct{ Error problem }

func TestRenew(t *testing.T) {
	t.Parallel()
	no := &errcode.Error{Platform: errcode.MP, Endpoint: errcode.Token, Code: 40164, Msg: "invalid ip 1.2.3.4, not in whitelist", RID: "r"}
	for _, c := range []struct {
		name, path string
		err        error
		status     int
		asked      []string
		errcode    int
	}{
		{"by name", "shop/renew", nil, 200, []string{"shop/access_token"}, 0},
		{"by ID", "wx-shop/renew", nil, 200, []string{"shop/access_token"}, 0},
		{"a ticket", "shop/renew?kind=jsapi", nil, 200, []string{"shop/jsapi"}, 0},
		{"a kind that is not there", "shop/renew?kind=gold", nil, 404, nil, 0},
		{"an account that is not there", "toys/renew", nil, 404, nil, 0},
		{"one that has no such credential", "shop/renew?kind=sdk", token.ErrUnknown, 404, []string{"shop/sdk"}, 0},
		{"out of budget", "shop/renew", fmt.Errorf("renew: %w", token.ErrBudget), 429, []string{"shop/access_token"}, 0},
		{"WeChat says no", "shop/renew", fmt.Errorf("renew: %w", no), 502, []string{"shop/access_token"}, 40164},
		{"no answer", "shop/renew", context.DeadlineExceeded, 504, []string{"shop/access_token"}, 0},
		{"trouble", "shop/renew", errors.New("connection reset"), 502, []string{"shop/access_token"}, 0},
	} {
		w := newWorld().with("shop")
		w.renewErr = c.err
		got := ask(t, New(w.options()), "POST", "/api/accounts/"+c.path, "", "X-Requested-With", "test")
		if got.Code != c.status || !slices.Equal(w.renewed, c.asked) {
			t.Errorf("%s: %d %v: %s", c.name, got.Code, w.renewed, got.Body)
		}
		if c.status == 200 {
			if row := parse[accountRow](t, got); row.Name != "shop" || len(row.Credentials) != 1 {
				t.Errorf("%s: %+v", c.name, row)
			}
			continue
		}
		if p := parse[problemAnswer](t, got).Error; p.Message == "" || p.Errcode != c.errcode {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}

func TestRenewSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld().with("shop")
	w.renewErr = ipNotAllowed()
	p := parse[problemAnswer](t, ask(t, New(w.options()), "POST", "/api/accounts/shop/renew", "", "X-Requested-With", "test")).Error
	if p.IP != "101.226.140.197" || p.RID == "" || p.Advice == nil || !strings.Contains(p.Advice.EN, p.IP) || !strings.Contains(p.Errmsg, "whitelist") {
		t.Errorf("%+v", p)
	}
}

func TestNotOffered(t *testing.T) {
	t.Parallel()
	o := newWorld().with("shop").options()
	o.Renew, o.Explain = nil, nil
	a := New(o)
	for _, path := range []string{"renew", "explain"} {
		if got := ask(t, a, "POST", "/api/accounts/shop/"+path, `{"rid":"a"}`, "X-Requested-With", "test"); got.Code != 404 {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
	if view := parse[status](t, ask(t, a, "GET", "/api/status", "")).Overview; view.CanRenew || view.CanExplain {
		t.Errorf("%+v", view)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"a rid", `{"rid":" 617682e0-21ea79ab-3a4424cd "}`, 200},
		{"none", `{}`, 400},
		{"nothing", ``, 400},
		{"no JSON", `rid=1`, 400},
		{"another type", `{"rid":7}`, 400},
		{"something else", `{"rid":"a\"b"}`, 400},
		{"very long", `{"rid":"` + strings.Repeat("a", 65) + `"}`, 400},
		{"endless", `{"x":"` + strings.Repeat("a", 5000) + `","rid":"a"}`, 400},
	} {
		got := ask(t, New(newWorld().with("shop").options()), "POST", "/api/accounts/shop/explain", c.body, "Content-Type", "application/json")
		if got.Code != c.status {
			t.Errorf("%s: %d, want %d: %s", c.name, got.Code, c.status, got.Body)
		}
		if c.status == 200 && !strings.Contains(got.Body.String(), `"rid":"617682e0-21ea79ab-3a4424cd"`) {
			t.Errorf("%s: %s", c.name, got.Body)
		}
	}
}

func TestExplainChecksThatTheAnswerIsJSON(t *testing.T) {
	t.Parallel()
	o := newWorld().with("shop").options()
	o.Explain = func(context.Context, string, string) ([]byte, error) { return []byte("<html>"), nil }
	if got := ask(t, New(o), "POST", "/api/accounts/shop/explain", `{"rid":"a"}`, "Content-Type", "application/json"); got.Code != 502 {
		t.Errorf("%d: %s", got.Code, got.Body)
	}
}
