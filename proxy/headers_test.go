package proxy

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
)

func TestOnlyAFewHeadersGoOn(t *testing.T) {
	h := http.Header{}
	for _, name := range []string{
		"Accept", "Accept-Language", "Content-Type", "If-None-Match", "If-Modified-Since", "Range", "User-Agent", "Wechatmp-Appid", "Wechatmp-Signature",
	} {
		h.Set(name, "goes on")
	}
	for _, name := range []string{
		"Authorization", "Proxy-Authorization", "Cookie", "X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via", "Referer", "Origin",
		"Te", "Trailer", "Idempotency-Key", "X-Idempotency-Key", "Expect", "X-Request-Id", "Traceparent", "Accept-Encoding", "X-Wx-Source",
	} {
		h.Set(name, "stays")
	}
	got := headerFor(h)
	for name := range got {
		if got.Get(name) == "stays" {
			t.Errorf("%s went on", name)
		}
	}
	if len(got) != 10 || got.Get("Accept-Encoding") != "identity" || h.Get("Accept-Encoding") != "stays" {
		t.Errorf("got %v", got)
	}
	h.Set("Connection", "keep-alive, Range , if-none-match")
	if got = headerFor(h); len(got) != 8 || got.Get("Range") != "" || got.Get("If-None-Match") != "" {
		t.Errorf("what Connection lists went on: %v", got)
	}
}

func TestScrub(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a location with the token", "https://mp.weixin.qq.com/x?a=1&access_token=SECRET&b=2#f", "https://mp.weixin.qq.com/x?a=1&b=2#f"},
		{"the token alone", "/x?access_token=SECRET", "/x"},
		{"in another place", "/x/SECRET?a=SECRET", "/x/?a="},
		{"without it", "/x?access_token=other", "/x?access_token=other"},
	} {
		h := http.Header{"Location": {c.in}, "X-Other": {"SECRET"}}
		scrub(h, "SECRET")
		if got := h.Get("Location"); got != c.want || h.Get("X-Other") != "" {
			t.Errorf("%s: got %q, %q", c.name, got, h.Get("X-Other"))
		}
	}
}

// spell returns s with each byte that pick selects written by format.
func spell(s, format string, pick func(i int) bool) string {
	var b strings.Builder
	for i := range len(s) {
		if pick(i) {
			fmt.Fprintf(&b, format, s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// spellings are ways to write s that some parser reads as s.
func spellings(s string) map[string]string {
	all := func(int) bool { return true }
	first := func(i int) bool { return i == 0 }
	some := func(i int) bool { return i%3 == 1 }
	forms := map[string]string{"as it is": s}
	for name, format := range map[string]string{
		"percent, upper": "%%%02X", "percent, lower": "%%%02x", `\u, upper`: `\u%04X`, `\u, lower`: `\u%04x`, `\x, upper`: `\x%02X`, `\x, lower`: `\x%02x`,
		"decimal entity": "&#%d;", "decimal entity, padded": "&#%05d;", "hex entity, upper": "&#X%X;", "hex entity, lower": "&#x%x;",
	} {
		for which, pick := range map[string]func(int) bool{"all": all, "first": first, "some": some} {
			form := spell(s, format, pick)
			forms[name+", "+which] = form
			forms[name+", "+which+", percent-encoded again"] = url.QueryEscape(form)
			forms[name+", "+which+", percent-encoded twice"] = url.QueryEscape(url.QueryEscape(form))
			forms[name+", "+which+", as an entity again"] = html.EscapeString(form)
			forms[name+", "+which+", only % encoded again"] = strings.ReplaceAll(form, "%", "%25")
		}
	}
	return forms
}

// readAsSecret reports whether somebody who decodes v, once or several times and
// in any order of the three ways, finds secret in it. It shares no code with scrub.
func readAsSecret(v, secret string) bool {
	ways := []func(string) string{
		html.UnescapeString,
		func(s string) string {
			return regexp.MustCompile(`%[0-9A-Fa-f]{2}`).ReplaceAllStringFunc(s, func(e string) string {
				d, _ := url.PathUnescape(e)
				return d
			})
		},
		func(s string) string {
			return regexp.MustCompile(`\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}`).ReplaceAllStringFunc(s, func(e string) string {
				n, _ := strconv.ParseUint(e[2:], 16, 32)
				return string(rune(n))
			})
		},
	}
	seen := map[string]bool{v: true}
	for next := []string{v}; len(next) > 0; {
		s := next[0]
		next = next[1:]
		if strings.Contains(s, secret) {
			return true
		}
		for _, decode := range ways {
			if d := decode(s); !seen[d] {
				seen[d] = true
				next = append(next, d)
			}
		}
	}
	return false
}

// A credential disappears from a header in whatever spelling and place; what
// else is in a Location stays.
func TestScrubFindsEverySpelling(t *testing.T) {
	const secret = "68_aB-9zQ_0"
	for name, form := range spellings(secret) {
		if !readAsSecret(form, secret) {
			t.Fatalf("%s: %q is no spelling of it", name, form)
		}
		for _, c := range []struct{ name, value, want string }{
			{"Location", "https://open.weixin.qq.com/a?b=1&access_token=" + form + "&c=2#d", "https://open.weixin.qq.com/a?b=1&c=2#d"},
			{"Location", "https://open.weixin.qq.com/a?b=1&%61ccess_token=" + form, "https://open.weixin.qq.com/a?b=1"},
			{"Location", "https://open.weixin.qq.com/a?b=1&secret=" + form + "&c=2", ""},
			{"Location", "https://open.weixin.qq.com/a?redirect=https%3A%2F%2Fx%3Faccess_token%3D" + url.QueryEscape(form), ""},
			{"Location", "https://open.weixin.qq.com/" + form, ""},
			{"Location", "https://open.weixin.qq.com/a#access_token=" + form, ""},
			{"Location", "http://[" + form, ""},
			{"Content-Location", "/a?access_token=" + form, "/a"},
			{"Refresh", "0; url=/a?access_token=" + form, ""},
			{"Set-Cookie", "u=" + form, ""},
			{"Link", "<" + form + ">", ""},
		} {
			h := http.Header{c.name: {"before", c.value, "after"}}
			scrub(h, secret)
			got := h[c.name]
			if len(got) != 3 || got[0] != "before" || got[2] != "after" || readAsSecret(got[1], secret) {
				t.Errorf("%s: %s: %s became %q", name, c.name, c.value, got)
			}
			if c.want != "" && !strings.ContainsAny(form, "&#") && got[1] != c.want { // & and # end a parameter
				t.Errorf("%s: %s: %s became %q, want %q", name, c.name, c.value, got[1], c.want)
			}
		}
	}
}

// A redirect of WeChat's keeps its status and where it leads to, and loses its
// body and the credential.
func TestRedirectsLoseTheCredential(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	for _, c := range []struct{ line, secret string }{
		{"GET /cgi-bin/user/get?a=1", w.wechat.Current(shopID)},
		{"GET /sns/jscode2session?js_code=c", shopSecret},
	} {
		for name, form := range spellings(c.secret) {
			if strings.ContainsAny(form, "&#") {
				continue // no URL: the unit test has it
			}
			for _, status := range []int{301, 302, 303, 307, 308} {
				host := newRawHost(t, func(conn *rawConn, r *http.Request) bool {
					body := "<a href=\"" + form + "\">moved</a>"
					_, _ = fmt.Fprintf(conn.Conn, "HTTP/1.1 %d Moved\r\nLocation: /elsewhere?b=2&access_token=%s&c=3\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", status, form, len(body), body)
					return false
				})
				w.replaceUpstream(t, wechat.Options{BaseURLs: []string{host.url}})
				g := w.call(c.line, "")
				if g.StatusCode != status || g.body != "" || g.Header.Get("Location") != "/elsewhere?b=2&c=3" || g.Header.Get("Content-Type") != "" {
					t.Errorf("%s, %s: %v %v", c.line, name, g, g.Header)
				}
				if status != 302 && name != "as it is" {
					break // one status is enough for the others
				}
			}
		}
	}
}

// The client gets the header that httputil.ReverseProxy would give it.
func TestHeadersAreMovedAsReverseProxyCopiesThem(t *testing.T) {
	for _, h := range []http.Header{
		{"Content-Type": {"application/json"}, "Set-Cookie": {"a", "b"}, "Connection": {"keep-alive"}, "Keep-Alive": {"timeout=5"}},
		{"Connection": {"close, X-Hop", " x-other "}, "X-Hop": {"1"}, "X-Other": {"2"}, "X-Third": {"3"}},
		{"Te": {"trailers"}, "Trailer": {"X"}, "Transfer-Encoding": {"chunked"}, "Upgrade": {"h2c"}, "Proxy-Connection": {"close"}},
		{"Proxy-Authenticate": {"Basic"}, "Proxy-Authorization": {"x"}, "Error-Code": {"40001"}, "Date": {"today"}, "Connection": {""}},
	} {
		moved := http.Header{}
		moveHeader(moved, h)
		copied := httptest.NewRecorder()
		reverse := httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}, Transport: answers(func() *http.Response {
			return &http.Response{StatusCode: http.StatusOK, Header: h.Clone(), Body: http.NoBody}
		})}
		reverse.ServeHTTP(copied, httptest.NewRequest("GET", "/", nil))
		if want := copied.Header(); fmt.Sprint(moved) != fmt.Sprint(want) {
			t.Errorf("%v was moved as %v, want %v", h, moved, want)
		}
	}
}

type answers func() *http.Response

func (a answers) RoundTrip(*http.Request) (*http.Response, error) { return a(), nil }

// A client that names no program has none named for it, however its body goes.
func TestNoUserAgentIsMadeUp(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	for _, n := range []int{0, 10, heldBody + 1} {
		w.wechat.ResetLog()
		w.rawCall(fmt.Sprintf("POST /wxa/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", n, strings.Repeat("x", n)))
		seen := w.wechat.Seen()
		if len(seen) != 1 || len(seen[0].Header["User-Agent"]) > 0 {
			t.Errorf("%d bytes: %d calls with the User-Agent %q", n, len(seen), seen[0].Header["User-Agent"])
		}
	}
}
