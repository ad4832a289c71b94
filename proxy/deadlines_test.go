package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// transportFunc is WeChat without a network.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// jsonAnswer is WeChat's answer with that body.
func jsonAnswer(r *http.Request, body string) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}
}

// bubbleProxy is a Proxy without sockets, for tests that run in a synctest
// bubble. WeChat may take timeout for an answer, and each fetch of a token takes
// fetch.
func bubbleProxy(t *testing.T, timeout, fetch time.Duration, transport http.RoundTripper) (*Proxy, *[]Record) {
	t.Helper()
	m := token.NewManager(token.Options{})
	t.Cleanup(m.Close)
	tokens := 0
	source := token.SourceFunc(func(context.Context, token.FetchRequest) (token.Fetched, error) {
		if tokens++; tokens > 1 {
			time.Sleep(fetch)
		}
		return token.Fetched{Value: secret.New(fmt.Sprint("TOKEN", tokens)), ExpiresIn: 2 * time.Hour}, nil
	})
	m.Set([]token.Account{{Name: "shop", ID: shopID, Credentials: []token.Spec{{Kind: token.AccessToken, Source: source, Schedule: token.StableSchedule()}}}})
	keeper := m.Keeper("shop", token.AccessToken)
	if _, err := keeper.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	hosts, err := wechat.NewHosts(wechat.Options{BaseURLs: []string{"http://wechat.invalid"}, Transport: transport, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hosts.Close)
	policy, err := access.New(access.Options{Anonymous: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	shop := &Account{Name: "shop", ID: shopID, Platform: errcode.MP, Secret: secret.New(shopSecret), Token: keeper}
	records := new([]Record)
	p := New(Options{OnCall: func(r Record) { *records = append(*records, r) }})
	p.Use(&Directory{
		Accounts: map[string]*Account{"shop": shop}, Default: shop, Policy: policy,
		Upstreams: map[errcode.Platform]*wechat.Hosts{errcode.MP: hosts},
	})
	return p, records
}

// One deadline covers all the time that WeChat takes for a call that is
// repeated. The renewal between the sends does not count.
func TestRenewalIsNotPartOfWeChatsTime(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second time.Duration // until WeChat answers
		renewal       time.Duration
		status        int
		took          time.Duration
	}{
		{"a renewal that takes longer than WeChat may", 4 * time.Second, 5 * time.Second, 25 * time.Second, 200, 34 * time.Second},
		{"both answers together take too long", 6 * time.Second, 5 * time.Second, time.Second, 504, 11 * time.Second},
		{"one answer takes too long", 11 * time.Second, 0, 0, 504, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sends := 0
				p, records := bubbleProxy(t, 10*time.Second, c.renewal, transportFunc(func(r *http.Request) (*http.Response, error) {
					wait, body := c.first, `{"errcode":40001,"errmsg":"invalid credential"}`
					if sends++; sends > 1 {
						wait, body = c.second, `{"errcode":0}`
					}
					select {
					case <-time.After(wait):
						return jsonAnswer(r, body), nil
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				}))
				w := httptest.NewRecorder()
				start := time.Now()
				p.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/cgi-bin/user/get", nil))
				if took := time.Since(start); w.Code != c.status || took != c.took {
					t.Errorf("%d %s after %s, want %d after %s", w.Code, w.Body, took, c.status, c.took)
				}
				if r := (*records)[0]; r.Waited+r.AtWeChat != c.took {
					t.Errorf("waited %s for the token and %s for WeChat", r.Waited, r.AtWeChat)
				}
			})
		})
	}
}

// slowReader is a ResponseWriter whose client takes its time for each piece. The
// server has set a deadline, and a write fails once it has passed.
type slowReader struct {
	*httptest.ResponseRecorder
	perPiece time.Duration
	deadline time.Time
	pieces   int
}

func (s *slowReader) SetWriteDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func (s *slowReader) Write(p []byte) (int, error) {
	select {
	case <-time.After(s.perPiece):
	case <-time.After(time.Until(s.deadline)):
		return 0, os.ErrDeadlineExceeded
	}
	s.pieces++
	return s.ResponseRecorder.Write(p)
}

// The server's own WriteTimeout holds for a client that reads nothing. One that
// reads gets more time with each piece, however long all of them take.
func TestSlowReaderGetsMoreTime(t *testing.T) {
	for _, c := range []struct {
		name     string
		perPiece time.Duration
		whole    bool
	}{
		{"at once", 0, true},
		{"30 s for each piece", 30 * time.Second, true},
		{"longer than a minute for a piece", writeIdle + time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) { testSlowReader(t, c.perPiece, c.whole) })
	}
}

// While the client takes its time, WeChat is not asked for more: the transfer
// from WeChat does not stall.
func TestSlowReaderIsNotAStalledTransfer(t *testing.T) {
	testSlowReader(t, 50*time.Second, true)
}

func testSlowReader(t *testing.T, perPiece time.Duration, whole bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		const size = 20 * bufferSize
		p, records := bubbleProxy(t, 10*time.Second, 0, transportFunc(func(r *http.Request) (*http.Response, error) {
			answer := jsonAnswer(r, strings.Repeat("x", size))
			answer.Body = io.NopCloser(&untilCanceled{answer.Body, r.Context()})
			return answer, nil
		}))
		w := &slowReader{ResponseRecorder: httptest.NewRecorder(), perPiece: perPiece, deadline: time.Now().Add(2 * time.Minute)}
		p.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/cgi-bin/media/get", nil))
		if got := w.Body.Len() == size; got != whole {
			t.Errorf("the client got %d bytes of %d, and the error is %q", w.Body.Len(), size, (*records)[0].Err)
		}
	})
}

// untilCanceled is the body of an answer, which ends with its request's context.
type untilCanceled struct {
	io.Reader
	ctx context.Context
}

func (u *untilCanceled) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, u.ctx.Err()
	}
	return u.Reader.Read(p)
}
