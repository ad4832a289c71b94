package proxy

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// A login wants the account's appid and secret, which the client need not have;
// what it has instead is replaced, and never comes back to it.
func TestLogin(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	for i, c := range []struct{ name, line, appid string }{
		{"with nothing", "GET /sns/jscode2session?js_code=%d&grant_type=authorization_code", shopID},
		{"with what SDKs send", "GET /sns/jscode2session?appid=" + shopID + "&secret=any&js_code=%d&grant_type=authorization_code", shopID},
		{"with a token too", "GET /sns/jscode2session?js_code=%d&access_token=x&grant_type=authorization_code&access_token=y", shopID},
		{"with an escaped name", "GET /sns/jscode2session?js_code=%d&grant_type=authorization_code&%73ecret=any", shopID},
		{"of the account its appid names", "GET /sns/jscode2session?appid=" + blogID + "&js_code=%d&grant_type=authorization_code", blogID},
		{"of the account in the path", "GET /@blog/sns/jscode2session?js_code=%d&grant_type=authorization_code", blogID},
		{"of the account of from_appid", "GET /sns/jscode2session?from_appid=" + blogID + "&js_code=%d&grant_type=authorization_code", blogID},
		{"of a web page's user", "GET /sns/oauth2/access_token?code=%d&grant_type=authorization_code", shopID},
		{"with two slashes and one behind", "GET //sns/oauth2/access_token?code=%d&grant_type=authorization_code", shopID},
	} {
		w.wechat.ResetLog()
		code := "code-" + string(rune('a'+i))
		g := w.call(strings.Replace(c.line, "%d", code, 1), "")
		if g.StatusCode != 200 || g.Code != 0 || !strings.Contains(g.body, `"openid"`) {
			t.Errorf("%s: %v", c.name, g)
			continue
		}
		seen := w.wechat.Seen()
		q, err := url.ParseQuery(seen[0].RawQuery)
		if err != nil || len(seen) != 1 || len(q["appid"]) != 1 || len(q["secret"]) != 1 || q.Get("appid") != c.appid || q.Has("access_token") || q.Has("from_appid") {
			t.Errorf("%s: WeChat saw %+v", c.name, seen)
		}
		if strings.Contains(g.body, shopSecret) || strings.Contains(g.body, blogSecret) {
			t.Errorf("%s: a secret came back: %v", c.name, g)
		}
	}
	if w.wechat.Count("violation") != 0 {
		t.Errorf("%d calls that WeChat forbids", w.wechat.Count("violation"))
	}
}

// A redirect of WeChat's would quote the URL it was called with.
func TestALoginsSecretDoesNotComeBack(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	w.wechat.Trouble(wechattest.Trouble{Path: "/sns", Kind: wechattest.Redirect, Count: 1})
	g := w.call("GET /sns/jscode2session?js_code=c&grant_type=authorization_code", "")
	if g.StatusCode != 302 || strings.Contains(g.Header.Get("Location"), shopSecret) || strings.Contains(g.body, shopSecret) {
		t.Errorf("%v %v", g, g.Header)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.Contains(w.logs.String(), shopSecret) || strings.Contains(w.logs.String(), "js_code") {
		t.Errorf("the log: %s", w.logs.String())
	}
}

// The secret that an SDK sends is its client key.
func TestALoginsSecretIsAClientKey(t *testing.T) {
	w := companyWorld(t)
	w.warm()
	const login = "GET /sns/jscode2session?grant_type=authorization_code&js_code="
	for _, c := range []struct {
		name, line string
		header     []string
		status     int
		code       int
		client     string
	}{
		{"a key", login + "a&appid=" + shopID + "&secret=" + websiteKey, nil, 200, 0, "website"},
		{"a key, for the client's second account", login + "b&appid=" + shopID + "&secret=" + websiteKey, nil, 200, 0, "website"},
		{"a key, for the client's default", login + "c&secret=" + websiteKey, nil, 200, 0, "website"},
		{"a wrong key", login + "d&appid=" + shopID + "&secret=x", nil, 200, 40125, ""},
		{"the AppSecret itself", login + "e&appid=" + shopID + "&secret=" + shopSecret, nil, 200, 40125, ""},
		{"no key", login + "f&appid=" + shopID, nil, 401, -401, ""},
		{"a key in a header", login + "g&appid=" + shopID, []string{bearer(websiteKey)}, 200, 0, "website"},
		{"a key in a header, which counts before the secret", login + "h&appid=" + shopID + "&secret=x", []string{bearer(websiteKey)}, 200, 0, "website"},
		{"a wrong key in a header, which counts too", login + "i&appid=" + shopID + "&secret=" + websiteKey, []string{bearer("x")}, 200, 40125, ""},
		{"a path that the client may not call", login + "j&appid=" + shopID + "&secret=" + billingKey, nil, 403, -403, "billing"},
		{"an account that it may not use", login + "k&appid=" + corpID + "&secret=" + websiteKey, nil, 403, -403, "website"},
		{"an account that there is not", login + "l&appid=wx1&secret=" + websiteKey, nil, 404, -404, "website"},
		{"an account that is not the path's", strings.Replace(login, "/sns", "/@blog/sns", 1) + "m&appid=" + shopID + "&secret=" + websiteKey, nil, 400, -400, "website"},
	} {
		g := w.call(c.line, "", c.header...)
		if r := w.lastRecord(); g.StatusCode != c.status || g.Code != c.code || r.Client != c.client {
			t.Errorf("%s: %v, by %q", c.name, g, r.Client)
		}
	}
}

// A user's own token is no business of ours: it goes through as it is, its
// rejection starts no renewal, and no key is needed.
func TestAUsersToken(t *testing.T) {
	w := companyWorld(t)
	w.warm()
	g := w.call("GET /sns/oauth2/access_token?code=c&grant_type=authorization_code&appid="+shopID+"&secret="+websiteKey, "")
	var user struct {
		Token   string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		OpenID  string
	}
	if err := json.Unmarshal([]byte(g.body), &user); err != nil || user.Token == "" {
		t.Fatalf("%v", g)
	}
	w.wechat.ResetLog()
	for _, line := range []string{
		"GET /sns/userinfo?access_token=" + user.Token + "&openid=" + user.OpenID + "&lang=zh_CN",
		"GET /@shop/sns/userinfo?access_token=" + user.Token + "&openid=" + user.OpenID + "&lang=zh_CN",
		"GET /sns/auth?access_token=" + user.Token + "&openid=" + user.OpenID,
	} {
		if g := w.call(line, ""); g.StatusCode != 200 || g.Code != 0 {
			t.Errorf("%s: %v", line, g)
		}
		seen := w.wechat.Seen()
		if _, sent, _ := strings.Cut(line, "?"); seen[len(seen)-1].RawQuery != sent {
			t.Errorf("%s went on as %s", line, seen[len(seen)-1].RawQuery)
		}
	}
	if g := w.call("GET /sns/userinfo?access_token=dead&openid="+user.OpenID, ""); g.StatusCode != 200 || g.Code != 40001 || strings.Contains(g.Msg, "wechat-token-proxy") {
		t.Errorf("a dead user's token: %v", g)
	}
	refresh := "GET /sns/oauth2/refresh_token?grant_type=refresh_token&refresh_token=" + user.Refresh
	for _, line := range []string{refresh + "&appid=" + shopID, strings.Replace(refresh, "/sns", "/@shop/sns", 1), refresh + "&appid=" + shopID + "&access_token=x"} {
		if g := w.call(line, ""); g.StatusCode != 200 || g.Code != 0 {
			t.Errorf("%s: %v", line, g)
		}
	}
	if w.wechat.Count("token") != 0 || w.wechat.Count("violation") != 0 {
		t.Errorf("%d fetches, %d violations", w.wechat.Count("token"), w.wechat.Count("violation"))
	}
}

// An appid that is none of ours is the client's own business with WeChat,
// where WeChat wants no secret of ours.
func TestAForeignAppsRefreshToken(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	g := w.call("GET /sns/oauth2/refresh_token?appid=wx1&grant_type=refresh_token&refresh_token=r", "")
	if q := w.wechat.Seen()[0].RawQuery; g.StatusCode != 200 || strings.Contains(q, shopSecret) {
		t.Errorf("%v, asked %s", g, q)
	}
}

// What needs no key can be denied, to everyone.
func TestWhatNeedsNoKeyCanBeDenied(t *testing.T) {
	w := newWorld(t, setup{clients: company(), deny: []string{"/sns/*"}})
	for _, path := range []string{"/sns/userinfo", "/sns/auth", "//sns//auth/", "/sns/oauth2/refresh_token"} {
		for _, header := range []string{"X: y", bearer(rootKey)} {
			if g := w.call("GET /@shop"+path+"?access_token=u&openid=o", "", header); g.StatusCode != 403 {
				t.Errorf("%s with %s: %v", path, header, g)
			}
		}
	}
	if n := w.wechat.Count("call"); n != 0 {
		t.Errorf("WeChat saw %d calls", n)
	}
}

// A placeholder is no user's token: where one belongs, WeChat is not asked, and
// the SDK gets the errcode after which it fetches another.
func TestPlaceholderWhereAUsersTokenBelongs(t *testing.T) {
	for _, keys := range []bool{true, false} {
		t.Run(fmt.Sprintf("with keys %v", keys), func(t *testing.T) {
			s := setup{}
			if keys {
				s = setup{clients: company(), deny: denyList()}
			}
			w := newWorld(t, s)
			w.warm()
			placeholder := w.placeholderOf("shop", rootKey)
			for _, line := range []string{
				"GET /sns/userinfo?access_token=%s&openid=o&lang=zh_CN", "GET /sns/auth?access_token=%s&openid=o", "GET //sns/auth/?openid=o&access_token=%s",
				"GET /@shop/sns/userinfo?Access_Token=%s", "GET /@blog/sns/auth?access_token=&access_token=%s", "POST /sns/userinfo?access_token=%s",
			} {
				for _, header := range []string{"X: y", bearer(rootKey)} {
					g := w.call(strings.Replace(line, "%s", placeholder, 1), "", header)
					if g.StatusCode != 200 || g.Code != 40001 || !strings.HasPrefix(g.Msg, "wechat-token-proxy: ") {
						t.Errorf("%s with %s: %v", line, header, g)
					}
				}
			}
			if n := len(w.wechat.Seen()); n != 0 {
				t.Errorf("WeChat got %d requests", n)
			}
			if g := w.call("GET /cgi-bin/user/get?access_token="+placeholder, ""); g.StatusCode != 200 || g.Code != 0 {
				t.Errorf("where it belongs: %v", g)
			}
		})
	}
}
