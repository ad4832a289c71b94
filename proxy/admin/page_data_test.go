package admin

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// example returns the Admin of a company on an ordinary day, for tests of the
// page.
func example() (*Admin, *world) {
	w := newWorld()
	w.now = time.Now()
	ago := func(d time.Duration) time.Time { return w.now.Add(-d) }
	w.with("shop", func(s *token.Status) {
		s.LastRejectedAt, s.LastRejectedErrcode, s.ForcedLeft = ago(26*time.Minute), 40001, 19
	})
	w.with("members", func(s *token.Status) {
		s.FetchedAt, s.ExpiresAt, s.RenewAt = ago(30*time.Minute), w.now.Add(92*time.Minute), w.now.Add(88*time.Minute)
	})
	w.with("game", empty, func(s *token.Status) {
		s.LastErr, s.LastErrAt, s.NextTryAt = ipNotAllowed(), ago(40*time.Second), w.now.Add(80*time.Second)
	})
	w.with("archive", func(s *token.Status) {
		s.ForcedLeft, s.Rogue, s.ExpiresAt, s.RenewAt = 16, true, w.now.Add(12*time.Minute), w.now.Add(2*time.Minute)
		s.LastRejectedAt, s.LastRejectedErrcode = ago(4*time.Minute), 40001
	})
	w.with("staff", func(s *token.Status) {
		s.ForcedLeft, s.ExpiresAt, s.RenewAt = -1, w.now.Add(103*time.Minute), w.now.Add(98*time.Minute)
	})
	w.accounts[0].Default = true
	w.accounts[3].TokenAPI = "legacy"
	w.accounts[4].Kind, w.accounts[4].Platform, w.accounts[4].TokenAPI, w.accounts[4].ID = "wecom", errcode.WeCom, "", "ww0123456789abcdef"
	for i, id := range []string{"wx8f3c1d20a95be467", "wx2b6e9047fd18ac35", "wx71d04ce8b39f2a56", "wxc95e28ab4d7013f6"} {
		w.accounts[i].ID = id
	}
	ticket := fresh("shop", w.now)
	ticket.Key.Kind, ticket.ForcedLeft, ticket.RenewAt = token.JSAPI, -1, w.now.Add(17*time.Minute)
	w.statuses["shop"] = append(w.statuses["shop"], ticket)
	w.clients = []Client{
		{"billing", []string{"shop"}, 3, 50},
		{"crm", []string{"shop", "members"}, 0, 0},
		{"mini-game backend", []string{"game"}, 1, 200},
		{"hr-bot", []string{"staff"}, 2, 5},
	}
	w.hosts = []Host{
		{Platform: errcode.MP, Host: "api.weixin.qq.com", State: "closed", Since: ago(3 * time.Hour)},
		{Platform: errcode.MP, Host: "api2.weixin.qq.com", State: "half-open", Since: ago(7 * time.Second)},
		{Platform: errcode.WeCom, Host: "qyapi.weixin.qq.com", State: "closed", Since: ago(3 * time.Hour)},
	}
	w.store, w.inFlight = Store{"redis", true, true}, 7
	a := New(w.options())
	exampleCalls(a, w.now)
	exampleEvents(a, ago)
	return a, w
}

func exampleCalls(a *Admin, now time.Time) {
	r := rand.New(rand.NewPCG(1, 2))
	paths := []struct{ account, client, class, path string }{
		{"shop", "billing", "message", "/cgi-bin/message/template/send"}, {"shop", "crm", "user", "/cgi-bin/user/info"},
		{"members", "crm", "user", "/cgi-bin/user/get"}, {"staff", "hr-bot", "message", "/cgi-bin/message/send"},
	}
	codes := []int{43004, 43101, 45009, 40001, 47001}
	for second := 3600.0; second > 0; second -= 0.12 {
		wave := 0.5 + 0.25*math.Sin(second/700) + 0.1*math.Sin(second/130)
		if r.Float64() > wave {
			continue
		}
		p := paths[r.IntN(len(paths))]
		took := time.Duration((35 + 20*math.Sin(second/300)) * math.Exp(r.NormFloat64()*0.45) * float64(time.Millisecond))
		c := stats.Call{
			At: now.Add(-time.Duration(second * float64(time.Second))), Client: p.client, Account: p.account, Method: "POST", Class: p.class, Path: p.path,
			Status: 200, Host: "api.weixin.qq.com", Took: took + time.Duration(130*math.Exp(r.NormFloat64()*0.5))*time.Microsecond, Upstream: took, Attempts: 1, ID: "5f0c6b1e",
		}
		if p.account == "staff" {
			c.Platform, c.Host = errcode.WeCom, "qyapi.weixin.qq.com"
		}
		if r.Float64() < 0.03 && p.account != "staff" {
			c.Errcode, c.RID = codes[int(r.Float64()*r.Float64()*float64(len(codes)))], "6823f1aa-4c1d7b20-19aa03ef"
		}
		a.Call(c)
	}
	a.Call(stats.Call{
		At: now.Add(-20 * time.Second), Client: "mini-game backend", Account: "game", Method: "POST", Class: "wxa", Path: "/wxa/msg_sec_check",
		Status: 503, Took: 4 * time.Millisecond, ID: "a41d22c9", Err: "no game/access_token: 40164 invalid ip 101.226.140.197, not in whitelist",
	})
}

func exampleEvents(a *Admin, ago func(time.Duration) time.Time) {
	of := func(account string) token.Key { return token.Key{Account: account, Kind: token.AccessToken} }
	for _, e := range []token.Event{
		{Type: token.EventRenewal, Key: of("shop"), At: ago(61 * time.Minute), Cause: token.CauseSchedule, Result: token.ResultRenewed, Took: 83 * time.Millisecond, Left: 2 * time.Hour},
		{Type: token.EventRenewal, Key: of("members"), At: ago(30 * time.Minute), Cause: token.CauseSchedule, Result: token.ResultAdopted, Took: 2 * time.Millisecond, Left: 2 * time.Hour},
		{Type: token.EventRejection, Key: of("shop"), At: ago(26 * time.Minute), Errcode: 40001, Step: "asked"},
		{Type: token.EventRenewal, Key: of("shop"), At: ago(26 * time.Minute), Cause: token.CauseForced, Result: token.ResultRenewed, Took: 91 * time.Millisecond, Left: 2 * time.Hour},
		{Type: token.EventStore, At: ago(15 * time.Minute), Step: "down", Err: errors.New("dial tcp 10.0.3.9:6379: connection refused")},
		{Type: token.EventStore, At: ago(14 * time.Minute), Step: "up"},
		{Type: token.EventRejection, Key: of("archive"), At: ago(4 * time.Minute), Errcode: 40001, Step: "forced"},
		{Type: token.EventRogue, Key: of("archive"), At: ago(4 * time.Minute)},
		{Type: token.EventRenewal, Key: of("game"), At: ago(40 * time.Second), Cause: token.CauseSchedule, Result: token.ResultDenied, Took: 64 * time.Millisecond, Err: ipNotAllowed()},
	} {
		a.Token(e)
	}
	a.Reload("5 accounts, 4 clients", nil)
	a.Breaker("api2.weixin.qq.com", "closed", "open")
	a.Breaker("api2.weixin.qq.com", "open", "half-open")
}
