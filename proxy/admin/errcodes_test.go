package admin

import (
	"testing"
	"time"
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
		rows := e.rows(now)
		if len(rows) != 1 || rows[0].Account != c.last || rows[0].Several != c.several {
			t.Errorf("%s: %+v", c.name, rows)
		}
	}
}
