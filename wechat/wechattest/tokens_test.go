package wechattest

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestWhatTheTokenEndpointsRefuse(t *testing.T) {
	l := newLab(t)
	const ask = `{"grant_type":"client_credential","appid":"` + shop + `","secret":"` + secret + `"}`
	replace := func(old, new string) string { return strings.Replace(ask, old, new, 1) }
	for _, c := range []struct {
		what, call, body string
		code             int
		words            string
	}{
		{"a good ask", legacyAsk, "", 0, ""},
		{"another grant type", "GET /cgi-bin/token?grant_type=x&appid=" + shop + "&secret=" + secret, "", 40002, "invalid grant_type rid: "},
		{"no grant type", "GET /cgi-bin/token?appid=" + shop + "&secret=" + secret, "", 40002, ""},
		{"no appid", "GET /cgi-bin/token?grant_type=client_credential&secret=" + secret, "", 41002, "appid missing rid: "},
		{"no secret", "GET /cgi-bin/token?grant_type=client_credential&appid=" + shop, "", 41004, "appsecret missing rid: "},
		{"an unknown appid", "GET /cgi-bin/token?grant_type=client_credential&appid=wxno&secret=" + secret, "", 40013, "invalid appid rid: "},
		{"a corpid", "GET /cgi-bin/token?grant_type=client_credential&appid=" + corp + "&secret=agent-2", "", 40013, ""},
		{"a wrong secret", "GET /cgi-bin/token?grant_type=client_credential&appid=" + shop + "&secret=no", "", 40001, "invalid credential, access_token is invalid or not latest"},
		{"POST", "POST" + strings.TrimPrefix(legacyAsk, "GET"), ask, 43001, "require GET method rid: "},

		{"stable: a good ask", "POST /cgi-bin/stable_token", ask, 0, ""},
		{"stable: GET", "GET /cgi-bin/stable_token?appid=" + shop, "", 43002, "require POST method rid: "},
		{"stable: no body", "POST /cgi-bin/stable_token", "", 44002, "empty post data rid: "},
		{"stable: a form", "POST /cgi-bin/stable_token", "appid=" + shop, 47001, "data format error rid: "},
		{"stable: half of it", "POST /cgi-bin/stable_token", ask[:20], 47001, ""},
		{"stable: force as a string", "POST /cgi-bin/stable_token", replace("{", `{"force_refresh":"true",`), 47001, ""},
		{"stable: another grant type", "POST /cgi-bin/stable_token", replace("client_credential", "x"), 40002, ""},
		{"stable: no appid", "POST /cgi-bin/stable_token", replace(shop, ""), 41002, ""},
		{"stable: no secret", "POST /cgi-bin/stable_token", replace(secret, ""), 41004, ""},
		{"stable: an unknown appid", "POST /cgi-bin/stable_token", replace(shop, "wxno"), 40013, ""},
		{"stable: a wrong secret", "POST /cgi-bin/stable_token", replace(secret, "no"), 40125, "invalid appsecret rid: "},

		{"wecom: a good ask", "GET " + wecom + "/cgi-bin/gettoken?corpid=" + corp + "&corpsecret=agent-2", "", 0, ""},
		{"wecom: no corpid", "GET " + wecom + "/cgi-bin/gettoken?corpsecret=agent-2", "", 41002, "corpid missing, hint: ["},
		{"wecom: no secret", "GET " + wecom + "/cgi-bin/gettoken?corpid=" + corp, "", 41004, "corpsecret missing, hint: ["},
		{"wecom: an unknown corpid", "GET " + wecom + "/cgi-bin/gettoken?corpid=ww1&corpsecret=agent-2", "", 40013, "invalid corpid, hint: ["},
		{"wecom: a wrong secret", "GET " + wecom + "/cgi-bin/gettoken?corpid=" + corp + "&corpsecret=agent-9", "", 40001, "from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40001"},
	} {
		r := l.do(c.call, c.body).wants(t, c.what, c.code)
		if !strings.Contains(r.Msg, c.words) {
			t.Errorf("%s: errmsg is %q, want %q in it", c.what, r.Msg, c.words)
		}
		if strings.Contains(r.Raw, secret) {
			t.Errorf("%s: the secret is in the answer", c.what)
		}
	}
	l.counted("token", 25)
	l.counted("issued", 3)
}

func TestTheShapeOfAnAnswer(t *testing.T) {
	l := newLab(t)
	good := l.legacy()
	if !regexp.MustCompile(`^\{"access_token":"[A-Za-z0-9_-]{130,512}","expires_in":7200\}$`).MatchString(good.Raw) {
		t.Errorf("the token endpoint said %s", good.Raw)
	}
	bad := l.do("GET /cgi-bin/menu/get", "")
	if !regexp.MustCompile(`^\{"errcode":41001,"errmsg":"access_token missing rid: 69a39dbe-[0-9a-f]{8}-[0-9a-f]{8}"\}$`).MatchString(bad.Raw) {
		t.Errorf("a call without token got %s", bad.Raw)
	}
	agent := l.agent("2")
	if !strings.HasPrefix(agent.Raw, `{"errcode":0,"errmsg":"ok","access_token":"`) || agent.Header.Get("Error-Code") != "0" {
		t.Errorf("gettoken said %s with %v", agent.Raw, agent.Header)
	}
	for r, ctype := range map[*reply]string{
		&good:  "application/json; charset=utf-8",
		&bad:   "application/json; encoding=utf-8",
		&agent: "application/json; charset=UTF-8",
	} {
		if got := r.Header.Get("Content-Type"); got != ctype {
			t.Errorf("Content-Type is %q, want %q", got, ctype)
		}
		if r.ContentLength != int64(len(r.Raw)) {
			t.Errorf("Content-Length is %d, want %d", r.ContentLength, len(r.Raw))
		}
		if got := r.Header.Get("Date"); got != "Sun, 01 Mar 2026 02:00:30 GMT" {
			t.Errorf("Date is %q", got)
		}
	}
}

func TestLegacyTokensReplaceOneAnother(t *testing.T) {
	l := newLab(t)
	one := l.legacy().Token
	two := l.legacy().Token
	if one == two {
		t.Fatal("a second fetch gave the same token")
	}
	l.answers("the old one, at once", one, 0)
	l.Advance(5*time.Minute - time.Second)
	l.answers("the old one, after 4:59", one, 0)
	l.Advance(time.Second)
	l.answers("the old one, after 5:00", one, 40001)
	l.answers("the new one", two, 0)
	three := l.legacy().Token
	four := l.legacy().Token
	l.answers("the one before the last", two, 40001)
	l.answers("the last but one", three, 0)
	l.answers("the last", four, 0)
	l.Advance(2*time.Hour - time.Second)
	l.answers("the last, after 1:59:59", four, 0)
	l.Advance(time.Second)
	l.answers("the last, after two hours", four, 42001)
}

func TestAnOldTokenDoesNotLiveLongerForBeingReplaced(t *testing.T) {
	l := newLab(t)
	one := l.legacy().Token
	l.Advance(2*time.Hour - time.Minute)
	l.legacy()
	l.Advance(time.Minute)
	l.answers("the old one, at its own end", one, 42001)
}

func TestNoOverlap(t *testing.T) {
	l := newLab(t, func(o *Options) { o.NoOverlap = true })
	one := l.legacy().Token
	l.legacy()
	l.answers("the old one", one, 40001)
}

func TestStableTokensStayTheSameUntilTheirLastFiveMinutes(t *testing.T) {
	l := newLab(t)
	first := l.stable(false)
	for _, c := range []struct {
		after time.Duration
		left  int64
	}{
		{0, 7200},
		{1500 * time.Millisecond, 7198},
		{time.Hour, 3600},
		{2*time.Hour - 5*time.Minute, 300},
	} {
		l.offset.Store(int64(c.after))
		if r := l.stable(false); r.Token != first.Token || r.Life != c.left {
			t.Errorf("after %v: same %v, expires_in %d; want the same, %d", c.after, r.Token == first.Token, r.Life, c.left)
		}
		if got := l.Current(shop); got != first.Token {
			t.Errorf("after %v: Current is another", c.after)
		}
	}
	l.Advance(time.Millisecond)
	if l.Current(shop) != "" {
		t.Error("in the last five minutes Current is the old one")
	}
	second := l.stable(false)
	if second.Token == first.Token || second.Life != 7200 {
		t.Errorf("in the last five minutes: expires_in %d; want a new token with 7200", second.Life)
	}
	l.answers("the old one", first.Token, 0)
	l.Advance(5 * time.Minute)
	l.answers("the old one, at its own end", first.Token, 42001)
	l.answers("the new one", second.Token, 0)
	l.counted("stable", 6)
	l.counted("stable:"+shop, 6)
	l.counted("new", 2)
}

func TestStableAndLegacyAreIsolated(t *testing.T) {
	l := newLab(t)
	stable, legacy := l.stable(false).Token, l.legacy().Token
	l.legacy()
	l.legacy()
	l.answers("the stable one after legacy fetches", stable, 0)
	l.answers("the legacy one after two more", legacy, 40001)
	legacy = l.legacy().Token
	l.stable(true)
	l.answers("the legacy one after a forced renewal", legacy, 0)
	l.answers("the stable one after a forced renewal", stable, 40001)
}

func TestForcedRenewalsAreBudgeted(t *testing.T) {
	l := newLab(t)
	last := l.stable(false).Token
	force := func(what string, renewed bool) {
		t.Helper()
		r := l.stable(true)
		if (r.Token != last) != renewed {
			t.Errorf("%s: renewed %v, want %v", what, r.Token != last, renewed)
		}
		if renewed {
			l.answers(what+": the old one", last, 40001)
		}
		l.answers(what+": the one that came", r.Token, 0)
		last = r.Token
	}
	force("the first", true)
	l.Advance(30*time.Second - time.Millisecond)
	force("29.999 s later", false)
	l.Advance(time.Millisecond)
	force("30 s later", true)
	for range 18 {
		l.Advance(30 * time.Second)
		force("up to the 20th", true)
	}
	l.Advance(time.Minute)
	force("the 21st", false)
	l.counted("forced", 20)
	l.counted("forced_asked", 22)
	l.Advance(14 * time.Hour) // past midnight in Beijing
	last = l.stable(false).Token
	force("the next day's first", true)
}

func TestForceOverlap(t *testing.T) {
	l := newLab(t, func(o *Options) { o.ForceOverlap = time.Minute })
	one := l.stable(false).Token
	two := l.stable(true).Token
	l.answers("the old one", one, 0)
	l.Advance(30 * time.Second)
	l.stable(true)
	l.answers("the first one, after two forced renewals", one, 40001)
	l.answers("the second one", two, 0)
}

func TestAgentsOfOneCorpHaveTheirOwnTokens(t *testing.T) {
	l := newLab(t)
	two, three := l.agent("2"), l.agent("3")
	if two.Token == three.Token {
		t.Error("two agents share a token")
	}
	l.Advance(2*time.Hour - time.Second)
	if r := l.agent("2"); r.Token != two.Token || r.Life != 1 {
		t.Errorf("in the last second: same %v, expires_in %d", r.Token == two.Token, r.Life)
	}
	l.Advance(time.Second)
	l.onWeCom().answers("an expired one", two.Token, 42001)
	if l.agent("2").Token == two.Token {
		t.Error("an expired token came again")
	}
	l.Expire(corp + "/2")
	if l.Current(corp+"/2") != "" {
		t.Error("an expired token is current")
	}
	l.agent("3")
	if l.Current(corp+"/3") == "" {
		t.Error("the other agent's token expired too")
	}
}

func TestShortLives(t *testing.T) {
	l := newLab(t, func(o *Options) { o.TokenLife = 10 * time.Second })
	one := l.stable(false)
	if one.Life != 10 {
		t.Errorf("expires_in is %d, want 10", one.Life)
	}
	l.Advance(5 * time.Second)
	if l.stable(false).Token != one.Token {
		t.Error("a new one in the first half of a short life")
	}
	l.Advance(time.Second)
	if l.stable(false).Token == one.Token {
		t.Error("the same one in the second half of a short life")
	}
}

func TestFrozenSecrets(t *testing.T) {
	l := newLab(t)
	token := l.stable(false).Token
	l.Freeze(shop, true)
	l.do(legacyAsk, "").wants(t, "token", 40243)
	l.do("GET /sns/jscode2session?grant_type=authorization_code&js_code=1&appid="+shop+"&secret="+secret, "").wants(t, "session", 40243)
	l.answers("a token from before", token, 0)
	l.Freeze(shop, false)
	l.legacy()
	l.SetSecret(shop, "another")
	l.do(legacyAsk, "").wants(t, "the old secret", 40001)
}

func TestChunkedBodiesAreRefused(t *testing.T) {
	l := newLab(t)
	token := l.stable(false).Token
	for _, path := range []string{"/cgi-bin/stable_token", "/wxa/getwxacodeunlimit?access_token=" + token, "/nowhere"} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://wechat"+path, struct{ *strings.Reader }{strings.NewReader("{}")})
		if err != nil {
			t.Fatal(err)
		}
		r := l.send(req)
		if r.StatusCode != http.StatusPreconditionFailed || r.Raw != "" || r.ContentLength != 0 || r.Header.Get("Content-Type") != "" {
			t.Errorf("%s: got %s %q, want an empty 412", path, r.Status, r.Raw)
		}
	}
	for _, c := range l.Seen()[1:] {
		if !c.Chunked || c.Executed || c.BodyLen != 2 || c.Status != 412 {
			t.Errorf("the log has %+v", c)
		}
	}
	l.counted("violation", 3)
}

func TestTwoThousandFailedLoginsBlockAtWeCom(t *testing.T) {
	l := newLab(t).onWeCom()
	for range maxFailedLogins {
		l.do("GET /cgi-bin/gettoken?corpid="+corp+"&corpsecret=no", "").wants(t, "a failed login", 40001)
	}
	const good = "GET /cgi-bin/gettoken?corpid=" + corp + "&corpsecret=agent-2"
	l.do(good, "").wants(t, "a good one", 45009)
	l.Advance(time.Hour)
	l.do(good, "").wants(t, "an hour later", 0)
}

func TestATokenWhereNoneBelongsIsAViolation(t *testing.T) {
	const stable = `{"grant_type":"client_credential","appid":"` + shop + `","secret":"` + secret + `"}`
	for _, c := range []struct {
		call, body string
		code       int
	}{
		{legacyAsk + "&access_token=TOKEN", "", 0},
		{"POST /cgi-bin/stable_token?access_token=TOKEN", stable, 0},
		{"GET " + wecom + agentAsk + "&Access%5FToken=TOKEN", "", 0},
		{"POST " + wecom + "/cgi-bin/webhook/send?key=k&access_token=TOKEN", `{"msgtype":"text"}`, 0},
		{"GET /sns/jscode2session?js_code=1&access_token=TOKEN", "", 40097},
		{"GET /sns/oauth2/access_token?code=1&access_token=TOKEN", "", 40097},
		{"GET /sns/oauth2/refresh_token?refresh_token=r&access_token=TOKEN", "", 40097},
		{"POST /cgi-bin/clear_quota/v2?access_token=TOKEN", `{"appid":"` + shop + `"}`, 40097},
	} {
		for _, token := range []string{"anything", ""} {
			l := newLab(t)
			l.do(strings.Replace(c.call, "TOKEN", token, 1), c.body).wants(t, c.call, c.code)
			l.counted("violation", 1)
		}
		l := newLab(t)
		l.Trouble(Trouble{Kind: Busy})
		l.do(c.call, c.body).wants(t, c.call+", while WeChat is busy", -1)
		l.counted("violation", 1)
	}
}
