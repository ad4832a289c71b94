package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// WeChat refuses every token: the callers get its own words, and neither the
// token endpoint nor the account pays for it.
func TestEveryTokenIsRefused(t *testing.T) {
	for _, code := range []int{40001, 40014, 42001} {
		for _, legacy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d, legacy %v", code, legacy), func(t *testing.T) {
				w := newWorld(t, setup{legacy: legacy})
				w.warm()
				fetched := w.wechat.Count("token")
				w.wechat.RejectAll(shopID, code)
				var wg sync.WaitGroup
				for range 100 {
					wg.Go(func() {
						g, err := w.try("GET /cgi-bin/user/get", http.NoBody)
						if err != nil || g.StatusCode != 200 || g.Code != code || strings.Contains(g.body, "wechat-token-proxy") {
							t.Errorf("%v %v", g, err)
						}
					})
				}
				wg.Wait()
				fetches, forced := w.wechat.Count("token")-fetched, w.wechat.Count("forced")
				if normal := fetches - forced; normal > 2 || forced > 1 {
					t.Errorf("%d fetches in normal mode, %d forced", normal, forced)
				}
				if calls := w.wechat.Count("call"); calls > 300 {
					t.Errorf("100 calls cost %d", calls)
				}
			})
		}
	}
}

// A path that is refused while others work starts no renewal, and its answer
// goes to the client.
func TestOneSickPathDoesNotDisarmTheAccount(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	fetched := w.wechat.Count("token")
	w.wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/menu", Kind: wechattest.Errcode, Status: 40001})
	ctx, stop := context.WithCancel(t.Context())
	var well sync.WaitGroup
	well.Go(func() {
		for ctx.Err() == nil {
			if g := w.call("GET /cgi-bin/user/get", ""); g.Code != 0 {
				t.Errorf("a good path: %v", g)
				return
			}
		}
	})
	for range 20 {
		if g := w.call("POST /cgi-bin/menu/create", `{"button":[]}`); g.Code != 40001 {
			t.Errorf("the sick path: %v", g)
		}
	}
	stop()
	well.Wait()
	if forced := w.wechat.Count("forced"); forced > 0 {
		t.Errorf("%d forced renewals", forced)
	}
	if n := w.wechat.Count("token") - fetched; n > 2 {
		t.Errorf("%d fetches", n)
	}
}

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

// Answers come back as they are: pictures, long documents that only look like
// an error, errors under the name of text.
func TestAnswersComeBackAsTheyAre(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	t.Run("a picture", func(t *testing.T) {
		g := w.call("POST /wxa/getwxacode", `{"path":"p"}`)
		if g.StatusCode != 200 || g.Header.Get("Content-Type") != "image/jpeg" || !strings.HasPrefix(g.body, "\xff\xd8\xff") {
			t.Errorf("%d %v", g.StatusCode, g.Header)
		}
	})
	t.Run("a long file that begins like a refusal", func(t *testing.T) {
		g := w.call("GET /cgi-bin/media/get?media_id=trap&size=100000", "")
		if len(g.body) != 100000 || w.wechat.Count("token") != 0 {
			t.Errorf("%d bytes, %d fetches", len(g.body), w.wechat.Count("token"))
		}
	})
	t.Run("an error where a file is wanted, repaired", func(t *testing.T) {
		w.wechat.Expire(shopID)
		g := w.call("GET /cgi-bin/media/get?media_id=big&size=5000", "")
		want, _ := io.ReadAll(wechattest.Bytes(5000))
		if g.body != string(want) {
			t.Errorf("%.80s", g.body)
		}
	})
	t.Run("a range", func(t *testing.T) {
		g := w.call("GET /@staff/cgi-bin/media/get?media_id=big&size=5000", "", "Range: bytes=0-9")
		if g.StatusCode != 206 || len(g.body) != 10 {
			t.Errorf("%d, %d bytes", g.StatusCode, len(g.body))
		}
	})
	t.Run("HEAD", func(t *testing.T) {
		g := w.call("HEAD /cgi-bin/media/get?media_id=big&size=5000", "")
		if g.StatusCode != 200 || g.ContentLength != 5000 {
			t.Errorf("%d, length %d", g.StatusCode, g.ContentLength)
		}
	})
	t.Run("a redirect that carries the token", func(t *testing.T) {
		w.wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/user", Kind: wechattest.Redirect, Count: 1})
		g := w.call("GET /cgi-bin/user/get?a=1", "")
		if g.StatusCode != 302 || strings.Contains(g.Header.Get("Location"), "access_token") {
			t.Errorf("%d %v", g.StatusCode, g.Header)
		}
	})
}

// Early: WeChat refuses the token before it has read the upload.
func TestAnUploadRefusedHalfway(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	w.wechat.Trouble(wechattest.Trouble{Path: "/wxa/", Kind: wechattest.Early, Count: 1})
	body := randomBytes(8 << 20)
	g, err := w.try("POST /wxa/x", bytes.NewReader(body))
	if err != nil || g.StatusCode != 200 || g.Code != 0 {
		t.Fatalf("%v %v", g, err)
	}
	seen := w.wechat.Seen()
	if last := seen[len(seen)-1]; last.BodySum != sha256.Sum256(body) {
		t.Errorf("%d bytes of %d came", last.BodyLen, len(body))
	}
}

func TestRetiredAccessPoint(t *testing.T) {
	for name, trouble := range map[string]wechattest.Trouble{
		"errcode 48017": {Kind: wechattest.Retired, Count: 1},
		"errcode 410":   {Kind: wechattest.Errcode, Status: 410, Count: 1},
		"HTTP 410":      {Kind: wechattest.Status, Status: 410, Count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{})
			w.warm()
			w.wechat.Trouble(trouble)
			if g := w.call("POST /cgi-bin/message/custom/send", `{"touser":"o","msgtype":"text","text":{"content":"x"}}`); g.StatusCode != 200 || g.Code != 0 {
				t.Errorf("%v", g)
			}
			if n := w.wechat.Count("call"); n != 2 {
				t.Errorf("%d calls", n)
			}
		})
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
	if r := w.records[0]; r.Status != statusGone {
		t.Errorf("noted as %d", r.Status)
	}
	if s := w.upstream.Hosts()[0].State; s != "closed" {
		t.Errorf("the breaker is %s", s)
	}
}

// waitFor waits until something another goroutine does is done.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatal("it never happened")
		}
		time.Sleep(time.Millisecond)
	}
}

// rawCall sends bytes as they are and returns the status line.
func (w *world) rawCall(request string) string {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, request) // a refusal may come before the end
	answer, _ := io.ReadAll(conn)
	line, _, _ := strings.Cut(string(answer), "\r\n")
	return line
}
