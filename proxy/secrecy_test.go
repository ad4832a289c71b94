package proxy

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
)

// quotes are answers of a host that quote the target of the request, secret and
// all, in every part of an HTTP message. %s is the target.
var quotes = []struct {
	name, answer string
	status       int // that the client gets
}{
	{"no HTTP at all", "%s\r\n\r\n", 502},
	{"the protocol", "HTTP/%s 200 OK\r\nContent-Length: 2\r\n\r\n{}", 502},
	{"the status code", "HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\n{}", 502},
	{"the reason", "HTTP/1.1 200 %s\r\nContent-Length: 2\r\n\r\n{}", 200},
	{"the reason of an error", "HTTP/1.1 500 %s\r\nContent-Length: 2\r\n\r\n{}", 500},
	{"a header's name", "HTTP/1.1 200 OK\r\n%s: 1\r\nContent-Length: 2\r\n\r\n{}", 502},
	{"a header without a colon", "HTTP/1.1 200 OK\r\n%s\r\nContent-Length: 2\r\n\r\n{}", 502},
	{"a header's value", "HTTP/1.1 200 OK\r\nX-Echo: %s\r\nContent-Length: 2\r\n\r\n{}", 200},
	{"a header's value, folded", "HTTP/1.1 200 OK\r\nX-Echo: a\r\n %s\r\nContent-Length: 2\r\n\r\n{}", 200},
	{"a header's value with a control character", "HTTP/1.1 200 OK\r\nX-Echo: \x01%s\r\nContent-Length: 2\r\n\r\n{}", 502},
	{"X-Request-Id", "HTTP/1.1 200 OK\r\nX-Request-Id: %s\r\nContent-Length: 2\r\n\r\n{}", 200},
	{"Set-Cookie", "HTTP/1.1 200 OK\r\nSet-Cookie: u=%s\r\nContent-Length: 2\r\n\r\n{}", 200},
	{"Content-Type", "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 2\r\n\r\n{}", 200},
	{"Content-Encoding", "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: 2\r\n\r\n{}", 200},
	{"Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n{}", 502},
	{"two Content-Lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: %s\r\n\r\n{}", 502},
	{"Transfer-Encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n{}", 502},
	{"Trailer", "HTTP/1.1 200 OK\r\nTrailer: %s\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200},
	{"a forbidden Trailer", "HTTP/1.1 200 OK\r\nTrailer: Content-Length, %s\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 502},
	{"the trailer itself", "HTTP/1.1 200 OK\r\nTrailer: X-Echo\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Echo: %s\r\n\r\n", 200},
	{"the length of a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n{}\r\n0\r\n\r\n", 502},
	{"an extension of a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;%s\r\n{}\r\n0\r\n\r\n", 200},
	{"a short body that breaks off", "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n{\"url\":\"%s", 502},
	{"an interim answer", "HTTP/1.1 103 Early Hints\r\nLink: <%s>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200},
	{"an interim answer that is all", "HTTP/1.1 103 %s\r\nLink: <%s>\r\n\r\n", 502},
	{"another protocol", "HTTP/1.1 101 %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n%s", 502},
	{"a redirect", "HTTP/1.1 302 %s\r\nLocation: https://open.weixin.qq.com%s\r\nRefresh: 0;url=%s\r\nContent-Length: 2\r\n\r\n{}", 302},
	{"a redirect to no URL", "HTTP/1.1 302 Found\r\nLocation: http://[%s\r\nContent-Length: 2\r\n\r\n{}", 302},
}

// quote fills target into an answer.
func quote(answer, target string) string { return strings.ReplaceAll(answer, "%s", target) }

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// captureStandardLog returns what package log prints during the test. net/http's
// transport uses it.
func captureStandardLog(t *testing.T) *lockedBuffer {
	t.Helper()
	var b lockedBuffer
	log.SetOutput(&b)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	return &b
}

// head is everything of an answer but its body.
func (g got) head() string { return fmt.Sprint(g.Status, g.Header, g.Trailer) }

// Whatever a host quotes of the request it got, and wherever, neither the log
// nor the client's answer contains our credential, and the log contains nothing
// of the query.
func TestNothingOfTheRequestIsQuoted(t *testing.T) {
	for _, c := range []struct{ name, line, credential string }{
		{"a login", "GET /sns/jscode2session?js_code=JSCODE&openid=OPENID HTTP/1.1", shopSecret},
		{"a call with the token", "GET /cgi-bin/user/get?next_openid=JSCODE&openid=OPENID HTTP/1.1", ""},
		{"a POST with the token", "POST /cgi-bin/user/get?next_openid=JSCODE&openid=OPENID HTTP/1.1\r\nContent-Length: 2", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			standard := captureStandardLog(t)
			w := newWorld(t, setup{})
			w.warm()
			answer := ""
			host := newRawHost(t, func(c *rawConn, r *http.Request) bool {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c.Conn, quote(answer, r.RequestURI))
				return false
			})
			credential := c.credential
			if credential == "" {
				credential = w.wechat.Current(shopID)
			}
			secrets := []string{credential, "JSCODE", "OPENID"}
			for _, q := range quotes {
				w.replaceUpstream(t, wechat.Options{BaseURLs: []string{host.url}}) // its breaker is closed
				answer = q.answer
				method, _, _ := strings.Cut(c.line, " ")
				g := w.wire(method, c.line+"\r\nHost: x\r\nX-Request-Id: ours\r\nConnection: close\r\n\r\n"+map[string]string{"POST": "{}"}[method])
				if g.StatusCode != q.status {
					t.Errorf("%s: %v, want %d", q.name, g, q.status)
				}
				if strings.Contains(g.head(), credential) || strings.Contains(g.body, credential) {
					t.Errorf("%s: the client got the credential: %s\n%s", q.name, g.head(), g.body)
				}
				if g.StatusCode == 502 && (strings.Contains(g.head()+g.body, "JSCODE") || g.Code != -502) {
					t.Errorf("%s: the client is told %s\n%s", q.name, g.head(), g.body)
				}
				if ids := g.Header.Values("X-Request-Id"); len(ids) != 1 || ids[0] != "ours" {
					t.Errorf("%s: X-Request-Id is %q", q.name, ids)
				}
				if r := fmt.Sprintf("%+v", w.lastRecord()); containsAny(r, secrets...) {
					t.Errorf("%s: the record is %s", q.name, r)
				}
			}
			if len(host.seen()) < len(quotes) {
				t.Errorf("the host got %d requests", len(host.seen()))
			}
			w.checkLog(t, secrets...)
			if containsAny(standard.String(), secrets...) {
				t.Errorf("net/http logged %.300s", standard)
			}
		})
	}
}

// The same for the fetch of a token, by either endpoint: the client gets a 503.
func TestNothingOfTheTokenFetchIsQuoted(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		t.Run(fmt.Sprintf("legacy %v", legacy), func(t *testing.T) {
			standard := captureStandardLog(t)
			for _, q := range quotes {
				host := newRawHost(t, func(c *rawConn, r *http.Request) bool {
					body, _ := io.ReadAll(r.Body)
					target := r.RequestURI + regexp.MustCompile(`[\s"]`).ReplaceAllString(string(body), "") // stable_token has the secret in its body
					_, _ = io.WriteString(c.Conn, quote(q.answer, target))
					return false
				})
				w := newWorld(t, setup{legacy: legacy, tokens: []string{host.url}})
				g := w.call("GET /cgi-bin/user/get?next_openid=OPENID", "")
				if g.StatusCode != 503 || containsAny(g.head()+g.body, shopSecret, "OPENID") {
					t.Errorf("%s: %v %v", q.name, g, g.Header)
				}
				w.checkLog(t, shopSecret, "OPENID")
				w.mu.Lock()
				if told := fmt.Sprintf("%+v %+v", w.records, w.events); len(w.records) == 0 || containsAny(told, shopSecret, "OPENID") {
					t.Errorf("%s: the records are %s", q.name, told)
				}
				w.mu.Unlock()
			}
			if containsAny(standard.String(), shopSecret) {
				t.Errorf("net/http logged %.300s", standard)
			}
		})
	}
}

// What a host sends behind an answer belongs to no call. net/http's transport
// prints it with package log.
func TestBytesBehindAnAnswerAreNotLogged(t *testing.T) {
	standard := captureStandardLog(t)
	w := newWorld(t, setup{})
	w.warm()
	host := newRawHost(t, func(c *rawConn, r *http.Request) bool {
		_, _ = io.WriteString(c.Conn, quote("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nX-Echo: %s\r\n\r\n", r.RequestURI))
		return true
	})
	w.replaceUpstream(t, wechat.Options{BaseURLs: []string{host.url}})
	for range 20 {
		if g := w.call("GET /cgi-bin/user/get", ""); g.StatusCode != 200 || g.body != "{}" {
			t.Errorf("%v", g)
		}
	}
	if strings.Contains(standard.String(), w.wechat.Current(shopID)) {
		t.Errorf("net/http logged %.300s", standard)
	}
}

// WeChat's own words go into the client's 503 and into the log, and an AppSecret
// in them is masked, however it is written.
func TestSecretInWeChatsWordsIsMasked(t *testing.T) {
	const odd = `odd+secret/"quoted"` // in a query and in JSON it is written otherwise
	for _, c := range []struct{ name, secret, errmsg string }{
		{"as it is", shopSecret, "invalid appsecret " + shopSecret + ", see the docs"},
		{"twice, in a URL", shopSecret, "bad url https://api.weixin.qq.com/cgi-bin/token?secret=" + shopSecret + "&x=" + shopSecret},
		{"behind escapes of JSON", shopSecret, "invalid appsecret " + strings.Replace(shopSecret, "a", `\u0061`, 2)},
		{"where a long errmsg is cut", shopSecret, strings.Repeat("x", 190) + shopSecret},
		{"escaped in a query", odd, "bad url ?secret=odd%2Bsecret%2F%22quoted%22"},
		{"quoted", odd, `bad body {\"secret\":\"odd+secret/\\\"quoted\\\"\"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := newRawHost(t, func(conn *rawConn, r *http.Request) bool {
				_, _ = io.Copy(io.Discard, r.Body)
				body := `{"errcode":40125,"errmsg":"` + c.errmsg + `"}`
				_, _ = fmt.Fprintf(conn.Conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				return true
			})
			w := newWorld(t, setup{tokens: []string{host.url}, secret: c.secret})
			g := w.call("GET /cgi-bin/user/get", "")
			if g.StatusCode != 503 || !strings.Contains(g.Msg, "40125") {
				t.Errorf("%v", g)
			}
			cut := shopSecret[:12] // what is left where the text was cut
			for _, s := range []string{c.secret, cut, "odd+secret", "odd%2Bsecret"} {
				if containsAny(g.head()+g.body, s) {
					t.Errorf("the client is told %v %v", g, g.Header)
				}
				w.checkLog(t, s)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if !strings.Contains(w.logs.String(), "40125") {
				t.Errorf("the log is %s", w.logs.String())
			}
		})
	}
}

func containsAny(s string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// checkLog fails the test if the log contains one of the words.
func (w *world) checkLog(t *testing.T, words ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range strings.Lines(w.logs.String()) {
		if containsAny(line, words...) {
			t.Errorf("the log has %s", line)
		}
	}
	if w.logs.Len() == 0 {
		t.Error("nothing is logged")
	}
}
