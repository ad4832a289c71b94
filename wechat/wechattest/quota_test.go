package wechattest

import (
	"strings"
	"testing"
	"time"
)

func TestQuotas(t *testing.T) {
	l := newLab(t) // at 10:00:30
	const path = "/cgi-bin/user/get"
	l.Quota(path, 5, 3)
	token := l.stable(false).Token
	ask := func(what string, code int) {
		t.Helper()
		l.do("GET "+path+"?access_token="+token, "").wants(t, what, code)
	}
	for range 3 {
		ask("within the minute's", 0)
	}
	ask("beyond the minute's", 45011)
	l.Advance(29 * time.Second)
	ask("in the same minute", 45011)
	l.Advance(time.Second)
	ask("in the next one", 0)
	ask("in the next one", 0)
	ask("beyond the day's", 45009)
	other := l.do("POST /cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"wxother","secret":"other-secret"}`).Token
	l.do("GET "+path+"?access_token="+other, "").wants(t, "another account", 0)
	l.answers("another path", token, 0)

	r := l.do("POST /cgi-bin/openapi/quota/get?access_token="+token, `{"cgi_path":"`+path+`"}`).wants(t, "quota/get", 0)
	if !strings.Contains(r.Raw, `"quota":{"daily_limit":5,"used":5,"remain":0},"rate_limit":{"call_count":3,"refresh_second":60}`) {
		t.Errorf("got %s", r.Raw)
	}
	l.Advance(13*time.Hour + 58*time.Minute)
	token = l.stable(false).Token
	ask("at 23:59", 45009)
	l.Advance(time.Minute)
	ask("at midnight", 0)
}

func TestQuotasOfTheTokenEndpoints(t *testing.T) {
	l := newLab(t)
	l.Quota(legacyPath, 2, 0)
	l.legacy()
	l.legacy()
	l.do(legacyAsk, "").wants(t, "the third", 45009)
}

func TestQuotaGetKnowsItsPaths(t *testing.T) {
	l := newLab(t)
	token := l.stable(false).Token
	for path, code := range map[string]int{
		"/cgi-bin/token": 0, "/cgi-bin/message/custom/send": 0, "cgi-bin/token": 76021, "": 76021, "/sns/jscode2session": 76022,
	} {
		l.do("POST /cgi-bin/openapi/quota/get?access_token="+token, `{"cgi_path":"`+path+`"}`).wants(t, path, code)
	}
}

func TestQuotasCanBeClearedTenTimesAMonth(t *testing.T) {
	l := newLab(t)
	token := l.stable(false).Token
	ask := func(appid string) reply {
		return l.do("POST /cgi-bin/clear_quota?access_token="+token, `{"appid":"`+appid+`"}`)
	}
	ask("wxother").wants(t, "another appid", 40013)
	l.Quota("/cgi-bin/menu/get", 1, 0)
	for range 8 {
		l.answers("after clearing", token, 0)
		l.answers("beyond", token, 45009)
		ask(shop).wants(t, "within ten", 0)
	}
	l.do("POST /cgi-bin/clear_quota/v2", `{"appid":"`+shop+`","appsecret":"`+secret+`"}`).wants(t, "v2 with a body", 0)
	l.do("POST /cgi-bin/clear_quota/v2?appid="+shop+"&appsecret="+secret, "").wants(t, "v2 with a query", 0)
	l.do("POST /cgi-bin/clear_quota/v2", `{"appid":"`+shop+`","appsecret":"no"}`).wants(t, "v2 with a wrong secret", 40125)
	ask(shop).wants(t, "the eleventh", 48006)
	l.Advance(31 * 24 * time.Hour)
	token = l.stable(false).Token
	ask(shop).wants(t, "next month", 0)
}
