package proxy

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// exchange is one request of an SDK's, and what it has to get.
type exchange struct {
	name    string
	request string // with {{words}} to be filled in, lines ending in \n
	status  int
	ctype   string
	// checks are regular expressions that the answer's body matches, or does not
	// ("! …"); "= N" is its length; "> Name: value" a header that WeChat saw.
	checks []string
}

// readExchanges reads a file of testdata/sdk: comments, then exchanges, each
// from a line "=> name" over a request to "<= status content-type" and checks.
func readExchanges(t *testing.T, file string) []exchange {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []exchange
	for i, text := range strings.Split("\n"+string(b), "\n=> ") {
		if i == 0 {
			continue // comments
		}
		name, rest, _ := strings.Cut(text, "\n")
		request, expected, ok := strings.Cut(rest, "\n<= ")
		lines := strings.Split(strings.TrimSpace(expected), "\n")
		status, ctype, _ := strings.Cut(lines[0], " ")
		e := exchange{name: name, request: request, ctype: ctype, checks: lines[1:]}
		if e.status, err = strconv.Atoi(status); err != nil || !ok {
			t.Fatalf("%s: %q has no answer", file, name)
		}
		all = append(all, e)
	}
	return all
}

// fill puts words into a request and makes it what goes over the wire: the
// lines of its head, and of a multipart body, end in CRLF; {{length}} is the
// body's; a body without a length goes in chunks.
func (e exchange) fill(words *strings.Replacer) (head, body string) {
	head, body, _ = strings.Cut(words.Replace(e.request)+"\n", "\n\n")
	if strings.Contains(head, "multipart/") {
		body = strings.ReplaceAll(body, "\n", "\r\n")
	} else {
		body = strings.TrimSuffix(body, "\n")
	}
	head = strings.ReplaceAll(head, "{{length}}", strconv.Itoa(len(body)))
	return strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n", body
}

func chunked(body string) string {
	var b strings.Builder
	for len(body) > 0 {
		n := min(100, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n\r\n"
}

// What SDKs of other languages send, byte for byte, from what was read in
// their source or seen on the wire: with any secret where clients are
// anonymous, with a key where they are not; and once more with a dead token.
func TestGoldenExchanges(t *testing.T) {
	files, err := filepath.Glob("../testdata/sdk/*.txt")
	if err != nil || len(files) < 11 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		for secret, s := range map[string]setup{"any-secret": {}, rootKey: {clients: company(), deny: denyList()}} {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+" with "+secret, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, s)
				w.warm()
				exchanges := readExchanges(t, file)
				w.replay(t, exchanges, secret, "first")
				w.wechat.Expire(shopID)
				w.wechat.Expire(corpID)
				fetched := w.wechat.Count("token")
				w.replay(t, exchanges, secret, "second")
				if n := w.wechat.Count("token") - fetched; n != 1 {
					t.Errorf("a dead token cost %d fetches", n)
				}
				if n := w.wechat.Count("violation"); n != 0 {
					t.Errorf("%d calls that WeChat forbids", n)
				}
				for _, seen := range w.wechat.Seen() {
					if seen.Chunked || strings.Contains(seen.RawQuery, secret) || strings.Contains(seen.RawQuery, "wtp1_") {
						t.Errorf("WeChat saw %+v", seen)
					}
				}
			})
		}
	}
}

func (w *world) replay(t *testing.T, exchanges []exchange, secret, round string) {
	t.Helper()
	token := ""
	for _, e := range exchanges {
		words := []string{
			"{{host}}", w.server.Listener.Addr().String(), "{{appid}}", shopID, "{{corpid}}", corpID, "{{secret}}", secret,
			"{{token}}", token, "{{code}}", "code-" + round, "{{file}}", "\xff\xd8\xff\xe0" + strings.Repeat("\x00\n{}", 9),
		}
		head, body := e.fill(strings.NewReplacer(words...))
		sent := body
		if strings.Contains(head, "chunked") {
			sent = chunked(body)
		}
		calls := len(w.wechat.Seen())
		g := w.wire(strings.Fields(head)[0], head+sent)
		e.check(t, g, words)
		if strings.Contains(g.body, `"access_token":"wtp1_`) {
			token = tokenOf(t, g)
		}
		seen := w.wechat.Seen()[calls:]
		if len(seen) == 0 {
			continue
		}
		last := seen[len(seen)-1]
		if strings.HasPrefix(last.Path, "/cgi-bin/ticket/") || last.Path == "/cgi-bin/get_jsapi_ticket" {
			continue // our own call
		}
		if last.BodySum != sha256.Sum256([]byte(body)) {
			t.Errorf("%s: the body that WeChat saw is another: %q", e.name, last.Body)
		}
		for _, c := range e.checks {
			if name, value, ok := strings.Cut(strings.TrimPrefix(c, "> "), ": "); strings.HasPrefix(c, "> ") && (!ok || last.Header.Get(name) != value) {
				t.Errorf("%s: WeChat saw %v", e.name, last.Header)
			}
		}
	}
}

func (e exchange) check(t *testing.T, g got, words []string) {
	t.Helper()
	if g.StatusCode != e.status || !strings.HasPrefix(g.Header.Get("Content-Type"), e.ctype) || g.Header.Get("Content-Encoding") != "" || g.Header.Get("Location") != "" {
		t.Errorf("%s: %.300v, %v", e.name, g, g.Header)
	}
	if e.ctype == "application/json" && (g.Code != 0 || strings.HasSuffix(g.body, "\n")) {
		t.Errorf("%s: %v", e.name, g)
	}
	for _, c := range e.checks {
		c = strings.NewReplacer(words...).Replace(c)
		switch {
		case strings.HasPrefix(c, "> "): // of WeChat's side
		case strings.HasPrefix(c, "= "):
			if strconv.Itoa(len(g.body)) != c[2:] || g.ContentLength != int64(len(g.body)) {
				t.Errorf("%s: %d bytes, %v", e.name, len(g.body), g.Header)
			}
		case strings.HasPrefix(c, "! "):
			if regexp.MustCompile(c[2:]).MatchString(g.body) {
				t.Errorf("%s: %q has %s", e.name, g.body, c[2:])
			}
		default:
			if !regexp.MustCompile(c).MatchString(g.body) {
				t.Errorf("%s: %.300q does not match %s", e.name, g.body, c)
			}
		}
	}
	if g.StatusCode == http.StatusOK && g.Header.Get("X-Request-Id") == "" {
		t.Errorf("%s: no X-Request-Id", e.name)
	}
}
