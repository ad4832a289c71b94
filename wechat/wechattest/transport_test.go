package wechattest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestInProcessTheServerSeesWhatNetHTTPWouldSend(t *testing.T) {
	unknown := func() io.Reader { return struct{ io.Reader }{strings.NewReader("abc")} }
	bothWays(t, func(t *testing.T, s *Server, rt http.RoundTripper, base string) {
		for _, c := range []struct {
			what    string
			body    io.Reader
			length  int64
			agent   []string
			chunked bool
			wantUA  string
			wantLen string
		}{
			{"no body", nil, 0, nil, false, "Go-http-client/1.1", ""},
			{"a known body", strings.NewReader("abc"), 3, nil, false, "Go-http-client/1.1", "3"},
			{"a body of unknown length", unknown(), -1, nil, true, "Go-http-client/1.1", ""},
			{"a body of length 0, not really", unknown(), 0, nil, true, "Go-http-client/1.1", ""},
			{"a User-Agent", nil, 0, []string{"me"}, false, "me", ""},
			{"an empty User-Agent", nil, 0, []string{""}, false, "", ""},
		} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", base+"/wxa/a%2Fb?q=%7e", c.body)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "api.weixin.qq.com"
			req.ContentLength = c.length
			if c.agent != nil {
				req.Header["User-Agent"] = c.agent
			}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
			read(t, resp)
			seen := s.Seen()
			got := seen[len(seen)-1]
			if got.Chunked != c.chunked || got.Header.Get("User-Agent") != c.wantUA || got.Host != "api.weixin.qq.com" ||
				got.RawPath != "/wxa/a%2Fb" || got.RawQuery != "q=%7e" || c.body != nil && string(got.Body) != "abc" {
				t.Errorf("%s: the server saw %+v", c.what, got)
			}
		}
	})
}

func TestAWrongContentLengthFails(t *testing.T) {
	bothWays(t, func(t *testing.T, _ *Server, rt http.RoundTripper, base string) {
		for _, length := range []int64{2, 4} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", base+"/wxa/any", strings.NewReader("abc"))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			resp, err := rt.RoundTrip(req)
			if err == nil {
				_ = resp.Body.Close()
				t.Errorf("ContentLength %d for 3 bytes was sent", length)
			} else if !strings.Contains(err.Error(), "ContentLength") {
				t.Errorf("ContentLength %d: %v", length, err)
			}
		}
	})
}

type failingBody struct{ err error }

func (f failingBody) Read([]byte) (int, error) { return 0, f.err }

func TestABodyThatFailsFailsTheCall(t *testing.T) {
	broken := errors.New("disk is gone")
	l := newLab(t)
	token := l.stable(false).Token
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://wechat/wxa/any?access_token="+token, failingBody{broken})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 10
	resp, err := l.RoundTripper().RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	l.Close() // waits for the call's end
	l.counted("executed", 0)
}

func TestLeavingInTheMiddleOfADownload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		token := l.stable(false).Token
		get := func(ctx context.Context) *http.Response {
			t.Helper()
			req, err := http.NewRequestWithContext(ctx, "GET", "http://wechat/cgi-bin/media/get?media_id=big&size=100000000&access_token="+token, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := l.RoundTripper().RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, resp.Body, 1000); err != nil {
				t.Fatal(err)
			}
			return resp
		}
		_ = get(t.Context()).Body.Close()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		resp := get(ctx)
		cancel()
		if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		_ = resp.Body.Close()
		l.Close() // returns only when both calls are over
	})
}

func TestAClosedServerAnswers503(t *testing.T) {
	l := newLab(t)
	l.Close()
	if r := l.do("GET /wxa/any", ""); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %s", r.Status)
	}
}

func TestHEADHasNoBody(t *testing.T) {
	bothWays(t, func(t *testing.T, _ *Server, rt http.RoundTripper, base string) {
		got := send(t.Context(), rt, "HEAD", base+"/wxa/any", "")
		if got.status != 200 || got.body != "" || got.length <= 0 || got.err != nil {
			t.Errorf("got %+v", got)
		}
	})
}

func TestInABubbleTheServersClockIsTheBubbles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(o *Options) { o.Now = nil })
		token := l.stable(false).Token
		time.Sleep(2*time.Hour - time.Second)
		l.answers("after 1:59:59", token, 0)
		time.Sleep(time.Second)
		l.answers("after two hours", token, 42001)
	})
}
