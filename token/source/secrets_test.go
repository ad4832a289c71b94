package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// raw is a host that reads a request and says what it likes, HTTP or not.
func raw(t *testing.T, say string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				r.Body.Close()
				_, _ = conn.Write([]byte(say))
			}
			conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestNoErrorHoldsASecret(t *testing.T) {
	t.Parallel()
	const canary = "CANARY+bird/in&a=coal%mine"
	echo := canary + " " + url.QueryEscape(canary)
	spelled := ""
	for _, c := range []byte(canary) {
		spelled += fmt.Sprintf("%%%02x", c)
	}
	quoting := func(err error) http.RoundTripper {
		return trips{"a": func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("send: %w", &url.Error{Op: "Get", URL: r.URL.String(), Err: err})
		}}
	}
	for _, base := range []string{"http://" + canary + "\x00", "ftp://" + canary} {
		if _, err := NewClient(Options{Upstreams: []string{base}}); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%q: %v", base, err)
		}
	}
	hanging := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for name, o := range map[string]Options{
		"nobody listens":                     {Upstreams: []string{dead}},
		"timed out waiting for the response": {Upstreams: []string{hanging.URL}},
		"closed at once":                     {Upstreams: []string{raw(t, "")}},
		"no HTTP, an echo":                   {Upstreams: []string{raw(t, echo+"\r\n\r\n")}},
		"a status that echoes":               {Upstreams: []string{raw(t, "HTTP/1.1 "+canary+"\r\n\r\n")}},
		"a header that echoes":               {Upstreams: []string{raw(t, "HTTP/1.1 200 OK\r\n"+echo+"\r\n\r\n")}},
		"a length that echoes":               {Upstreams: []string{raw(t, "HTTP/1.1 200 OK\r\nContent-Length: "+echo+"\r\n\r\n")}},
		"cut off":                            {Upstreams: []string{raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"+echo)}},
		"a 500 that echoes":                  {Upstreams: []string{serve(t, says(500, echo)).URL}},
		"a page that echoes":                 {Upstreams: []string{serve(t, says(200, "<p>"+echo)).URL}},
		"words that echo":                    {Upstreams: []string{serve(t, says(200, `{"errcode":40125,"errmsg":"`+echo+`"}`)).URL}},
		"long words that echo":               {Upstreams: []string{serve(t, says(200, `{"errcode":40125,"errmsg":"`+strings.Repeat("x", 500)+echo+`"}`)).URL}},
		"words that spell it":                {Upstreams: []string{serve(t, says(200, `{"errcode":40125,"errmsg":"`+spelled+`"}`)).URL}},
		"a life that echoes":                 {Upstreams: []string{serve(t, says(200, `{"access_token":"`+canary+`","expires_in":"`+echo+`"}`)).URL}},
		"a token that echoes":                {Upstreams: []string{serve(t, says(200, `{"access_token":"`+echo+`","expires_in":7200}`)).URL}},
		"a redirect that echoes":             {Upstreams: []string{serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/"+r.RequestURI, http.StatusFound) }).URL}},
		"a transport with an URL":            {Upstreams: []string{"http://a"}, Transport: quoting(errors.New("trouble"))},
		"a transport in a panic":             {Upstreams: []string{"http://a"}, Transport: quoting(errors.New(canary))},
		"a transport, quoting":               {Upstreams: []string{"http://a"}, Transport: quoting(fmt.Errorf("%q", canary))},
		"a transport with a query":           {Upstreams: []string{"http://a"}, Transport: quoting(errors.New(url.QueryEscape(canary)))},
	} {
		c := newClient(t, o)
		s := secret.New(canary)
		for kind, src := range map[string]token.Source{"stable": c.Stable("wx1", s), "legacy": c.Legacy("wx1", s), "wecom": c.WeCom("ww1", s)} {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			_, err := src.Fetch(ctx, token.FetchRequest{})
			cancel()
			if err == nil {
				t.Errorf("%s, %s: no error", name, kind)
				continue
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				for _, text := range []string{e.Error(), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e)} {
					if strings.Contains(text, "CANARY") || strings.Contains(text, spelled) {
						t.Errorf("%s, %s: %s", name, kind, text)
					}
				}
			}
		}
		c.Close()
	}
}
