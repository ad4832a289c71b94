package stats

import (
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

func TestErrcodesSayWhose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		accounts []string
		after    time.Duration
		last     string
		several  bool
	}{
		{"one account's", []string{"shop", "shop"}, time.Minute, "shop", false},
		{"two accounts'", []string{"shop", "game"}, time.Minute, "game", true},
		{"two accounts', the first again", []string{"shop", "game", "shop", "shop"}, time.Minute, "shop", true},
		{"another account's, over an hour ago", []string{"shop", "game"}, time.Hour, "game", false},
	} {
		var e errcodes
		for _, name := range c.accounts {
			e.add(&Call{At: noon, Errcode: 43004}, &name)
		}
		now := noon.Add(c.after)
		e.add(&Call{At: now, Errcode: 43004}, &c.accounts[len(c.accounts)-1])
		rows := e.list(now)
		if len(rows) != 1 || rows[0].Account != c.last || rows[0].Several != c.several {
			t.Errorf("%s: %+v", c.name, rows)
		}
	}
}

func TestErrcodesByNumber(t *testing.T) {
	t.Parallel()
	s := newStats("shop")
	for i, code := range []int{45009, 43004, 43004, 999999} {
		s.Call(Call{At: noon.Add(time.Duration(i) * time.Second), Account: "shop", Status: 200, Errcode: code})
	}
	s.Call(Call{At: noon, Account: "shop", Platform: errcode.WeCom, Status: 200, Errcode: 40001})
	rows := s.Errcodes(noon.Add(time.Minute))
	if len(rows) != 4 || rows[0].Errcode != 43004 || rows[0].Calls != 2 || rows[0].Name != "user does not follow" || rows[0].Account != "shop" {
		t.Fatalf("%+v", rows)
	}
	for _, r := range rows {
		switch r.Errcode {
		case 45009:
			if r.Advice == nil || r.Verdict != errcode.Limited {
				t.Errorf("%+v", r)
			}
		case 40001:
			if r.Name != "invalid secret" {
				t.Errorf("WeCom's 40001 is called %q", r.Name)
			}
		}
	}
	if text := metricsText(s); strings.Contains(text, "999999") || !strings.Contains(text, `errcode="other"`) {
		t.Error("an unknown errcode is a label")
	}
	if rows := s.Errcodes(noon.Add(2 * time.Hour)); len(rows) != 0 {
		t.Errorf("two hours later: %+v", rows)
	}
	for i := range 2 * maxErrcodes {
		s.Call(Call{At: noon.Add(2 * time.Hour), Account: "shop", Status: 200, Errcode: 100_000 + i})
	}
	s.Call(Call{At: noon.Add(4 * time.Hour), Account: "shop", Status: 200, Errcode: 7}) // makes room
	s.Call(Call{At: noon.Add(4 * time.Hour), Account: "shop", Status: 200, Errcode: 7})
	if rows := s.Errcodes(noon.Add(4 * time.Hour)); len(rows) != 1 || rows[0].Errcode != 7 {
		t.Errorf("four hours later: %+v", rows)
	}
}
