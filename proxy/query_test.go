package proxy

import (
	"net/url"
	"strings"
	"testing"
)

func dropToken(name string) bool { return strings.EqualFold(name, paramAccessToken) }

func TestQuery(t *testing.T) {
	for _, c := range []struct {
		name, in, kept string
		want           query
	}{
		{"nothing", "", "", query{}},
		{"no token", "openid=o&lang=zh_CN", "openid=o&lang=zh_CN", query{}},
		{"a token in front", "access_token=E&a=1", "a=1", query{accessToken: "E"}},
		{"a token in the middle", "a=1&access_token=E&b=2", "a=1&b=2", query{accessToken: "E"}},
		{"a token at the end", "a=1&access_token=E", "a=1", query{accessToken: "E"}},
		{"only a token", "access_token=E", "", query{accessToken: "E"}},
		{"two tokens", "access_token=E1&a=1&access_token=E2", "a=1", query{accessToken: "E1"}},
		{"an empty token, then one", "access_token=&a=1&access_token=E2", "a=1", query{accessToken: "E2"}},
		{"a token without =", "access_token&a=1", "a=1", query{}},
		{"an escaped name", "%61ccess_token=E&a=1", "a=1", query{accessToken: "E"}},
		{"another case", "ACCESS_TOKEN=E&Access_Token=F&a=1", "a=1", query{accessToken: "E"}},
		{"an escaped value", "access_token=a%2Bb+c", "", query{accessToken: "a+b c"}},
		{"everything else byte for byte", "flag&b=%e4%BD+x&&a==&=z", "flag&b=%e4%BD+x&&a==&=z", query{}},
		{"a name that only looks like it", "xaccess_token=1&access_token_=2", "xaccess_token=1&access_token_=2", query{}},
		{"appid and secret", "appid=wx1&secret=k&js_code=c", "appid=wx1&secret=k&js_code=c", query{appID: "wx1", secret: "k"}},
		{"corpid and corpsecret", "corpid=ww1&corpsecret=k", "corpid=ww1&corpsecret=k", query{appID: "ww1", secret: "k"}},
		{"from_appid", "from_appid=wx2", "from_appid=wx2", query{fromAppID: "wx2"}},
		{"from_appid twice, the same", "from_appid=wx2&from_appid=wx2", "from_appid=wx2&from_appid=wx2", query{fromAppID: "wx2"}},
		{"a thousand pairs", strings.Repeat("a&", 999) + "a", strings.Repeat("a&", 999) + "a", query{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.raw = c.in
			got, refusal := parseQuery(c.in)
			if refusal != nil || got != c.want {
				t.Errorf("got %+v, %v", got, refusal)
			}
			if kept := without(c.in, dropToken); kept != c.kept {
				t.Errorf("kept %q, want %q", kept, c.kept)
			}
		})
	}
	for _, in := range []string{
		"a=1;access_token=E", "a=%zz&b=2", "a=%", "a=%4", "%=1", "a#b", "from_appid=a&from_appid=b",
		strings.Repeat("a&", 1000) + "a",
	} {
		if _, refusal := parseQuery(in); refusal == nil || refusal.Status != 400 {
			t.Errorf("%.40q: %v, want 400", in, refusal)
		}
	}
}

// No token of the client's survives, under any spelling that any parser would
// read as one, and nothing else is lost.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"a=1&access_token=E", "%61ccess_token=E", "ACCESS_TOKEN", "a;b", "a=%zz", "&&", "access%5ftoken=1&x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if _, refusal := parseQuery(in); refusal != nil {
			return
		}
		kept := without(in, dropToken)
		before, err := url.ParseQuery(in)
		if err != nil {
			t.Fatalf("%q was let through: %v", in, err)
		}
		after, err := url.ParseQuery(kept)
		if err != nil {
			t.Fatalf("%q became %q: %v", in, kept, err)
		}
		for name := range after {
			if dropToken(name) {
				t.Fatalf("%q became %q", in, kept)
			}
		}
		for name, values := range before {
			if !dropToken(name) && strings.Join(values, "&") != strings.Join(after[name], "&") {
				t.Fatalf("%q became %q: %q lost", in, kept, name)
			}
		}
	})
}

func TestOneAccessTokenUnderWhateverName(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	for _, name := range []string{"%20access_token", "access_token%20", "+access_token", "%09Access_Token", "access_token%00", "%C2%A0access_token"} {
		w.wechat.ResetLog()
		if g := w.call("GET /cgi-bin/user/get?"+name+"=3&a=1", ""); g.Code != 0 {
			t.Errorf("%s: %v", name, g)
		}
		if s := w.wechat.Seen()[0]; strings.Count(strings.ToLower(s.RawQuery), "access_token") != 1 {
			t.Errorf("%s: %s", name, s.RawQuery)
		}
	}
}
