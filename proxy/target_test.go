package proxy

import (
	"bufio"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     target
	}{
		{"a plain path", "/cgi-bin/user/info", target{"", "/cgi-bin/user/info", "/cgi-bin/user/info"}},
		{"the root", "/", target{"", "/", "/"}},
		{"two slashes in front, as WxJava sends them", "//cgi-bin/token", target{"", "/cgi-bin/token", "/cgi-bin/token"}},
		{"slashes anywhere", "/cgi-bin///user//info/", target{"", "/cgi-bin/user/info/", "/cgi-bin/user/info/"}},
		{"an account by name", "/@shop/cgi-bin/user/info", target{"shop", "/cgi-bin/user/info", "/cgi-bin/user/info"}},
		{"an account behind two slashes", "//@shop//cgi-bin/x", target{"shop", "/cgi-bin/x", "/cgi-bin/x"}},
		{"an account and nothing else", "/@shop", target{"shop", "/", "/"}},
		{"an account and a slash", "/@shop/", target{"shop", "/", "/"}},
		{"an escaped account", "/%40shop/cgi-bin/x", target{"shop", "/cgi-bin/x", "/cgi-bin/x"}},
		{"escaped letters", "/cgi-bin/tok%65n", target{"", "/cgi-bin/token", "/cgi-bin/tok%65n"}},
		{"a character that is not ASCII", "/wxa/%E4%BD%A0", target{"", "/wxa/你", "/wxa/%E4%BD%A0"}},
		{"dots within a segment", "/cgi-bin/a..b/.c", target{"", "/cgi-bin/a..b/.c", "/cgi-bin/a..b/.c"}},
		{"a bare escaped percent sign", "/a%25", target{"", "/a%", "/a%25"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, refusal := parsePath(c.in)
			if refusal != nil || got != c.want {
				t.Errorf("%s: got %+v, %v", c.in, got, refusal)
			}
		})
	}
	for _, in := range []string{
		"", "*", "cgi-bin/x", "/cgi-bin/../token", "/cgi-bin/./token", "/..", "/cgi-bin/..",
		"/cgi-bin/%2e%2e/token", "/cgi-bin/%2E/token", "/cgi-bin%2ftoken", "/cgi-bin%5ctoken", "/cgi-bin/%00",
		`/cgi-bin\token`, "/cgi-bin/token;x=1", "/cgi-bin/token%3bx", "/cgi-bin/a%", "/cgi-bin/a%zz",
		"/cgi-bin/%252e%252e/token", "/cgi-bin/%25%32%65", "/a#b", "/a%23b", "/a%3fb", "/a%0ab", "/a%7f", "/@", "/@/cgi-bin/x",
	} {
		if got, refusal := parsePath(in); refusal == nil {
			t.Errorf("%q was understood as %+v", in, got)
		} else if refusal.Status != 400 {
			t.Errorf("%q: status %d", in, refusal.Status)
		}
	}
}

// Whatever is let through means one thing only: no decoder further up sees a
// segment, a separator or an account that we did not see.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"/cgi-bin/token", "//a/%2e", "/@shop/x%20y", "/%40a/b", "/a;b", "/%c0%ae/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, refusal := parsePath(in)
		if refusal != nil {
			return
		}
		decoded, err := url.PathUnescape(got.raw)
		if err != nil || decoded != got.path {
			t.Fatalf("%q: raw %q decodes to %q, not %q", in, got.raw, decoded, got.path)
		}
		again, err := url.PathUnescape(decoded)
		if err == nil && again != decoded {
			t.Fatalf("%q decodes twice: %q, %q", in, decoded, again)
		}
		if strings.Contains(got.path, "//") || strings.ContainsAny(got.path, "\\;#?\x00") || got.path[0] != '/' {
			t.Fatalf("%q: path %q", in, got.path)
		}
		for _, segment := range strings.Split(got.path, "/") {
			if segment == "." || segment == ".." {
				t.Fatalf("%q: path %q has a dot segment", in, got.path)
			}
		}
		if strings.Contains(got.account, "/") {
			t.Fatalf("%q: account %q", in, got.account)
		}
	})
}

func TestPathsByteForByte(t *testing.T) {
	for target, want := range map[string]string{
		"/wxa/a|b^c":                        "/wxa/a|b^c",
		"http://api.weixin.qq.com/wxa/a|b?": "/wxa/a|b",
		"http://api.weixin.qq.com":          "/",
		"/wxa/%7e?q":                        "/wxa/%7e",
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		if got := rawPath(r); got != want {
			t.Errorf("%s: got %s", target, got)
		}
	}
	for in, want := range map[string]string{"&access_token=x&a": "&a", "access_token=x": "", "&access_token=x": "", "a&&access_token=x": "a&", "access_token=x&&a": "&a"} {
		if got := removeParams(in, isAccessToken); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

// What net/url would escape goes up as it came.
func TestOddBytesGoUpAsTheyCame(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	seen := make(chan string, 1)
	w.serveUpstream(t, func(rw http.ResponseWriter, r *http.Request) { seen <- r.RequestURI }, 0)
	line := w.rawCall("GET /@shop/wxa/a|b^`{}\"<>\xe4\xbd\xa0?q=|^ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if line != "HTTP/1.1 200 OK" {
		t.Fatal(line)
	}
	if got := <-seen; !strings.HasPrefix(got, "/wxa/a|b^`{}\"<>\xe4\xbd\xa0?q=|^&access_token=") {
		t.Errorf("%q", got)
	}
}

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
			if kept := removeParams(c.in, dropToken); kept != c.kept {
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
		kept := removeParams(in, dropToken)
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
