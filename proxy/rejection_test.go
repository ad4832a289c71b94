package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// WeChat rejects every token: the callers get its own words, and neither the
// token endpoint nor the account pays for it.
func TestEveryTokenIsRejected(t *testing.T) {
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

// A path that rejects the token while others accept it starts no renewal, and its answer
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

// WeCom gives the same token for two hours: rejections that no renewal ends must
// not cost one each.
func TestLastingRejectionsCostFewFetchesOnWeCom(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	w.wechat.RejectAll(corpID, 40014)
	for range 10 {
		w.call("POST /@staff/cgi-bin/message/send", `{"touser":"O","msgtype":"text","agentid":7,"text":{"content":"h"}}`)
	}
	if n := w.wechat.Count("wecom"); n > 3 {
		t.Errorf("%d fetches for ten calls", n)
	}
}

type ctxType = context.Context

// upload is a multipart body with a picture of n bytes.
func upload(n int) (body []byte, contentType string) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	part, _ := m.CreateFormFile("media", "a.jpg") // a buffer takes everything
	_, _ = part.Write(append([]byte("\xff\xd8\xff\xe0"), randomBytes(n)...))
	_ = m.Close()
	return b.Bytes(), m.FormDataContentType()
}

// A thousand concurrent calls meet a dead token: one renewal, a thousand good
// answers, whatever WeChat calls the death and whatever the calls carry.
func TestStampede(t *testing.T) {
	picture, pictureType := upload(300 << 10)
	kinds := []struct {
		name  string
		calls int
		make  func(url string) (*http.Request, error)
	}{
		{"GET", 1000, func(url string) (*http.Request, error) {
			return http.NewRequest("GET", url+"/cgi-bin/user/get?next_openid=x", nil)
		}},
		{"JSON POST", 1000, func(url string) (*http.Request, error) {
			return http.NewRequest("POST", url+"/cgi-bin/message/custom/send", strings.NewReader(`{"touser":"OPENID","msgtype":"text","text":{"content":"hi"}}`))
		}},
		{"300 KiB multipart", 1000, func(url string) (*http.Request, error) {
			r, err := http.NewRequest("POST", url+"/cgi-bin/media/upload?type=image", bytes.NewReader(picture))
			if err == nil {
				r.Header.Set("Content-Type", pictureType)
			}
			return r, err
		}},
		{"a body of unknown length", 1000, func(url string) (*http.Request, error) {
			return http.NewRequest("POST", url+"/cgi-bin/message/custom/send", io.MultiReader(strings.NewReader(`{"touser":"OPENID",`), strings.NewReader(`"msgtype":"text","text":{"content":"hi"}}`)))
		}},
	}
	deaths := []struct {
		name string
		kill func(*wechattest.Server)
		// How many times the token endpoints are asked, at most: in stable mode a
		// token that WeChat itself still gives out takes a forced renewal, and a crowd
		// that takes its time asks twice before.
		stable, legacy int
	}{
		{"42001", func(s *wechattest.Server) { s.Expire(shopID) }, 1, 1},
		{"40001", func(s *wechattest.Server) { s.Invalidate(shopID) }, 1, 1},
		{"40014", func(s *wechattest.Server) { s.Reject(shopID, 40014) }, 3, 1},
	}
	for _, legacy := range []bool{false, true} {
		for _, death := range deaths {
			for _, kind := range kinds {
				calls, most := kind.calls, death.stable
				if testing.Short() {
					calls = 100
				}
				api := "stable"
				if legacy {
					api, most = "legacy", death.legacy
				}
				t.Run(fmt.Sprintf("%s, %s, %s", api, death.name, kind.name), func(t *testing.T) {
					w := newWorld(t, setup{legacy: legacy})
					w.warm()
					before := w.wechat.Count("token")
					death.kill(w.wechat)
					stampede(t, w, calls, kind.make)
					if n := w.wechat.Count("token") - before; n < 1 || n > most {
						t.Errorf("%d token fetches, want 1 to %d", n, most)
					}
					if n := w.wechat.Count("executed"); n != calls {
						t.Errorf("%d calls were executed, want %d", n, calls)
					}
				})
			}
		}
	}
}

func stampede(t *testing.T, w *world, calls int, make func(string) (*http.Request, error)) {
	t.Helper()
	start := newGate()
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			r, err := make(w.url)
			if err != nil {
				t.Error(err)
				return
			}
			<-start
			resp, err := w.client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != 200 || bytes.Contains(body, []byte(`"errcode":4`)) {
				t.Errorf("%d %.200s %v", resp.StatusCode, body, err)
			}
		})
	}
	close(start)
	wg.Wait()
}

func newGate() chan struct{} { return make(chan struct{}) }
