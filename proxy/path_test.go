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
		if got := without(in, isAccessToken); got != want {
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
