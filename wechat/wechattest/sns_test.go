package wechattest

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

func TestLoginsWantTheSecretAndNoToken(t *testing.T) {
	l := newLab(t)
	token := l.stable(false).Token
	const who = "appid=" + shop + "&secret=" + secret + "&grant_type=authorization_code"
	for _, p := range []struct{ path, code string }{{"/sns/jscode2session?", "js_code"}, {"/sns/oauth2/access_token?", "code"}} {
		once := p.path[5:9]
		for _, c := range []struct {
			what, query string
			code        int
		}{
			{"a good code", who + "&CODE=" + once, 0},
			{"the same again", who + "&CODE=" + once, 40163},
			{"another app's", "appid=wxother&secret=other-secret&grant_type=authorization_code&CODE=" + once, 0},
			{"a bad one", who + "&CODE=bad1", 40029},
			{"none", who, 41008},
			{"a token besides", who + "&CODE=2&access_token=" + token, 40097},
			{"no secret", "appid=" + shop + "&grant_type=authorization_code&CODE=3", 41004},
			{"a wrong secret", "appid=" + shop + "&secret=no&grant_type=authorization_code&CODE=3", 40125},
			{"no appid", "secret=no&grant_type=authorization_code&CODE=3", 41002},
			{"an unknown appid", "appid=wxno&secret=no&grant_type=authorization_code&CODE=3", 40013},
			{"no grant type", "appid=" + shop + "&secret=" + secret + "&CODE=3", 40002},
		} {
			r := l.do("GET "+p.path+strings.Replace(c.query, "CODE", p.code, 1), "").wants(t, p.path+c.what, c.code)
			if got := r.Header.Get("Content-Type"); got != "text/plain" {
				t.Errorf("Content-Type is %q", got)
			}
		}
	}
	l.counted("violation", 2)
}

func TestUsersTokensAreNotTheAccounts(t *testing.T) {
	l := newLab(t)
	app := l.stable(false).Token
	var user struct {
		Token   string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		OpenID  string `json:"openid"`
	}
	r := l.do("GET /sns/oauth2/access_token?appid="+shop+"&secret="+secret+"&grant_type=authorization_code&code=1", "")
	if err := json.Unmarshal([]byte(r.Raw), &user); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, call string
		code       int
	}{
		{"the user's own", "GET /sns/userinfo?access_token=" + user.Token + "&openid=" + user.OpenID, 0},
		{"the user's own", "GET /sns/auth?access_token=" + user.Token + "&openid=" + user.OpenID, 0},
		{"another openid", "GET /sns/auth?access_token=" + user.Token + "&openid=o", 40003},
		{"the account's at userinfo", "GET /sns/userinfo?access_token=" + app + "&openid=" + user.OpenID, 40001},
		{"the account's at auth", "GET /sns/auth?access_token=" + app + "&openid=" + user.OpenID, 40001},
		{"the user's at an API", "GET /cgi-bin/user/info?access_token=" + user.Token + "&openid=" + user.OpenID, 40001},
		{"none", "GET /sns/auth?openid=" + user.OpenID, 41001},
		{"a refresh", "GET /sns/oauth2/refresh_token?appid=" + shop + "&grant_type=refresh_token&refresh_token=" + user.Refresh, 0},
		{"a refresh of another app", "GET /sns/oauth2/refresh_token?appid=wxother&grant_type=refresh_token&refresh_token=" + user.Refresh, 40030},
		{"a refresh without appid", "GET /sns/oauth2/refresh_token?grant_type=refresh_token&refresh_token=" + user.Refresh, 41002},
		{"a refresh with a token", "GET /sns/oauth2/refresh_token?access_token=x&appid=" + shop + "&grant_type=refresh_token&refresh_token=" + user.Refresh, 40097},
	} {
		l.do(c.call, "").wants(t, c.what, c.code)
	}
	l.Expire(shop)
	l.do("GET /sns/auth?access_token="+user.Token+"&openid="+url.QueryEscape(user.OpenID), "").wants(t, "the user's, when the account's expired", 0)
	l.Advance(2 * 3600e9)
	l.do("GET /sns/auth?access_token="+user.Token+"&openid="+user.OpenID, "").wants(t, "the user's, after two hours", 42001)
}
