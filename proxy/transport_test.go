package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// What goes up is what came, byte for byte, with its length.
func TestTheRequestGoesUpAsItCame(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	body := randomBytes(200_000)
	for _, c := range []struct {
		name, line string
		body       io.Reader
		rawPath    string
		query      string // less the token
	}{
		{"a query in its order", "GET /cgi-bin/user/info?openid=o%2F1&lang=zh_CN&flag&&x=", nil, "/cgi-bin/user/info", "openid=o%2F1&lang=zh_CN&flag&&x="},
		{"a token of the client's", "GET /cgi-bin/user/info?a=1&access_token=EVIL&%41ccess_token=2&b=2", nil, "/cgi-bin/user/info", "a=1&b=2"},
		{"a token of Tencent's cloud", "GET /cgi-bin/user/info?cloudbase_access_token=X&a=1", nil, "/cgi-bin/user/info", "a=1"},
		{"no query", "GET /cgi-bin/user/get", nil, "/cgi-bin/user/get", ""},
		{"two slashes", "POST //wxa//x", strings.NewReader("{}"), "/wxa/x", ""},
		{"an escaped path", "GET /wxa/%E4%BD%A0", nil, "/wxa/%E4%BD%A0", ""},
		{"an account in the path", "GET /@shop/wxa/x?from_appid=" + shopID + "&y=1", nil, "/wxa/x", "y=1"},
		{"a body of known length", "POST /wxa/x", bytes.NewReader(body), "/wxa/x", ""},
		{"a body of unknown length", "POST /wxa/x", io.MultiReader(bytes.NewReader(body)), "/wxa/x", ""},
		{"an empty body of unknown length", "POST /wxa/x", io.MultiReader(strings.NewReader("")), "/wxa/x", ""},
		{"a PUT", "PUT /wxa/x", bytes.NewReader(body), "/wxa/x", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.wechat.ResetLog()
			var want []byte
			if c.body != nil {
				want, _ = io.ReadAll(c.body)
				if s, ok := c.body.(io.Seeker); ok {
					_, _ = s.Seek(0, io.SeekStart)
				} else {
					c.body = io.MultiReader(bytes.NewReader(want))
				}
			}
			g, err := w.try(c.line, c.body)
			if err != nil || g.StatusCode != 200 {
				t.Fatalf("%v %v", g, err)
			}
			seen := w.wechat.Seen()
			if len(seen) != 1 {
				t.Fatalf("WeChat saw %d calls", len(seen))
			}
			s := seen[0]
			query := strings.TrimSuffix(strings.TrimSuffix(s.RawQuery, "access_token="+s.Token), "&")
			if s.RawPath != c.rawPath || query != strings.TrimSuffix(c.query, "&") || s.Token != w.wechat.Current(shopID) {
				t.Errorf("path %q, query %q", s.RawPath, s.RawQuery)
			}
			if s.Chunked || s.BodyLen != int64(len(want)) || s.BodySum != sha256.Sum256(want) {
				t.Errorf("body of %d bytes, chunked %v", s.BodyLen, s.Chunked)
			}
			if strings.Count(strings.ToLower(s.RawQuery), "access_token") != 1 {
				t.Errorf("query %q", s.RawQuery)
			}
		})
	}
}

func TestHeadersOnTheWire(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	w.call("POST /wxa/x", "{}", "Authorization: Bearer k", "Cookie: a=b", "X-Forwarded-For: 1.2.3.4", "Idempotency-Key: 1",
		"Wechatmp-Appid: wx1", "Accept-Encoding: gzip", "Connection: Wechatmp-Appid", "Content-Type: application/json", "Te: trailers")
	h := w.wechat.Seen()[0].Header
	for _, name := range []string{"Authorization", "Cookie", "X-Forwarded-For", "Forwarded", "Idempotency-Key", "Te", "Via"} {
		if h.Get(name) != "" {
			t.Errorf("%s: %s", name, h.Get(name))
		}
	}
	if h.Get("Accept-Encoding") != "identity" || h.Get("Content-Type") != "application/json" {
		t.Errorf("%v", h)
	}
	w.wechat.ResetLog()
	w.call("GET /wxa/x", "")
	if got := w.wechat.Seen()[0].Header.Get("User-Agent"); got != "Go-http-client/1.1" {
		t.Errorf("the client's User-Agent became %q", got)
	}
}

// A client that reads its bytes slowly, or not at all, and one that leaves.
func TestAClientThatHangsUp(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	w.wechat.Trouble(wechattest.Trouble{Kind: wechattest.Hang})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		req, _ := http.NewRequestWithContext(ctx, "GET", w.url+"/cgi-bin/user/get", nil)
		if resp, err := w.client.Do(req); err == nil {
			_ = resp.Body.Close()
			t.Error("an answer")
		}
	}()
	if err := w.wechat.Await(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	w.wechat.ClearTrouble()
	waitFor(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.records) == 1
	})
	if r := w.records[0]; r.Status != statusClientClosed {
		t.Errorf("noted as %d", r.Status)
	}
	if s := w.upstream.Status()[0].State; s != "closed" {
		t.Errorf("the breaker is %s", s)
	}
}

// An answer never contains the token that was sent, even if the account has
// another one by then.
func TestTheTokenThatWasSentIsScrubbed(t *testing.T) {
	const rejection = `{"errcode":40001,"errmsg":"invalid credential"}`
	for _, c := range []struct {
		name    string
		size    int // of the body
		answers []string
		sends   int
	}{
		{"accepted", 10, []string{"{}"}, 1},
		{"rejected, and the body cannot be sent again", 2 << 20, []string{rejection}, 1},
		{"accepted after a rejection", 10, []string{rejection, "{}"}, 2},
		{"rejected every time", 10, []string{rejection, rejection, rejection}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent []string
				p, records := bubbleProxy(t, 10*time.Second, time.Second, transportFunc(func(r *http.Request) (*http.Response, error) {
					if r.Body != nil {
						_, _ = io.Copy(io.Discard, r.Body)
					}
					token := r.URL.Query().Get("access_token")
					sent = append(sent, token)
					resp := jsonAnswer(r, c.answers[len(sent)-1])
					resp.Header.Set("Location", "/wxa/x?access_token="+token)
					resp.Header.Set("X-Debug", "token "+token)
					return resp, nil
				}))
				p.opts.TempDir = filepath.Join(t.TempDir(), "none") // a long body is not stored
				w := httptest.NewRecorder()
				p.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/wxa/x", bytes.NewReader(randomBytes(c.size))))
				if len(sent) > c.sends || len(sent) == 0 || len(*records) != 1 {
					t.Fatalf("%d sends, want %d; %d %s", len(sent), c.sends, w.Code, w.Body)
				}
				for _, token := range sent {
					if h := fmt.Sprint(w.Header()); strings.Contains(h, token) {
						t.Errorf("%q was sent, and the client got %s", token, h)
					}
				}
			})
		})
	}
}
