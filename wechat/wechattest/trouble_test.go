package wechattest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// outcome is what a client gets: a status, the body, and the error where one
// comes before or behind the header.
type outcome struct {
	status int
	header http.Header
	length int64
	body   string
	err    error
}

func send(ctx context.Context, rt http.RoundTripper, method, url, body string) outcome {
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, r)
	if err != nil {
		return outcome{err: err}
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return outcome{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return outcome{resp.StatusCode, resp.Header, resp.ContentLength, string(b), err}
}

// bothWays runs f over a socket and in-process.
func bothWays(t *testing.T, f func(t *testing.T, s *Server, rt http.RoundTripper, base string)) {
	o := Options{Accounts: []Account{{AppID: shop, Secret: secret}, {AppID: corp, Secret: "agent", WeCom: true}}}
	t.Run("socket", func(t *testing.T) {
		s := NewServer(o)
		defer s.Close()
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
		tr := http.DefaultTransport.(*http.Transport).Clone()
		tr.DisableKeepAlives = true // each call has a connection of its own: net/http repeats none
		defer tr.CloseIdleConnections()
		f(t, s, tr, s.URL)
	})
	t.Run("in-process", func(t *testing.T) {
		s := New(o)
		defer s.Close()
		f(t, s, s.RoundTripper(), "http://api.weixin.qq.com")
	})
}

func TestTroubles(t *testing.T) {
	whole := `"echo":{"method":"POST"`
	is := func(status int, part string) func(outcome) bool {
		return func(o outcome) bool { return o.status == status && o.err == nil && strings.Contains(o.body, part) }
	}
	for _, c := range []struct {
		what     string
		trouble  Trouble
		want     func(outcome) bool
		executed bool
	}{
		{"a 500", Trouble{Kind: Status}, is(500, "<html>"), false},
		{"a 503", Trouble{Kind: Status, Status: 503}, is(503, "<html>"), false},
		{"a 502 for a call that was carried out", Trouble{Kind: Status, Status: 502, Execute: true}, is(502, "<html>"), true},
		{"a reset", Trouble{Kind: Reset}, func(o outcome) bool { return errors.Is(o.err, syscall.ECONNRESET) && o.status == 0 }, false},
		{"a reset after the call was carried out", Trouble{Kind: Reset, Execute: true}, func(o outcome) bool { return errors.Is(o.err, syscall.ECONNRESET) }, true},
		{"half an answer", Trouble{Kind: Cut}, func(o outcome) bool {
			return o.status == 200 && errors.Is(o.err, io.ErrUnexpectedEOF) && int64(len(o.body)) == o.length/2
		}, true},
		{"a late answer", Trouble{Kind: Late, Delay: time.Millisecond}, is(200, whole), true},
		{"a slow answer", Trouble{Kind: Slow, Delay: time.Millisecond}, is(200, whole), true},
		{"a page of a captive portal", Trouble{Kind: Garbage}, func(o outcome) bool {
			return is(200, "<html>")(o) && strings.HasPrefix(o.header.Get("Content-Type"), "text/html")
		}, false},
		{"half of the JSON", Trouble{Kind: Broken}, func(o outcome) bool {
			return is(200, `{"errcode":0`)(o) && !strings.HasSuffix(o.body, "}")
		}, true},
		{"nothing", Trouble{Kind: Empty}, func(o outcome) bool { return o.status == 200 && o.body == "" && o.length == 0 }, false},
		{"a retired access point", Trouble{Kind: Retired}, is(200, `{"errcode":48017,`), false},
		{"a busy system", Trouble{Kind: Busy}, is(200, `{"errcode":-1,"errmsg":"system error rid: `), false},
		{"an errcode", Trouble{Kind: Errcode, Status: 45011}, is(200, `{"errcode":45011,`), false},
		{"no Content-Length", Trouble{Kind: Chunked}, func(o outcome) bool { return is(200, whole)(o) && o.length == -1 }, true},
		{"a rejection before the body was read", Trouble{Kind: Early}, is(200, `{"errcode":40001,`), false},
		{"a redirect", Trouble{Kind: Redirect}, func(o outcome) bool {
			return is(302, "<html>")(o) && strings.HasPrefix(o.header.Get("Location"), "https://api.weixin.qq.com/wxa/any?access_token=95_")
		}, false},
		{"a trouble elsewhere", Trouble{Kind: Reset, Path: "/cgi-bin/"}, is(200, whole), true},
		{"a trouble at another host", Trouble{Kind: Reset, Host: "api2.weixin.qq.com"}, is(200, whole), true},
		{"one that lets a call pass", Trouble{Kind: Reset, Skip: 1}, is(200, whole), true},
		{"one for tokens only", Trouble{Kind: EmptyToken}, is(200, whole), true},
	} {
		t.Run(c.what, func(t *testing.T) {
			bothWays(t, func(t *testing.T, s *Server, rt http.RoundTripper, base string) {
				token := fetch(t, rt, base)
				s.Trouble(c.trouble)
				got := send(t.Context(), rt, "POST", base+"/wxa/any?access_token="+token, "body")
				if !c.want(got) {
					t.Errorf("got %+v", got)
				}
				want := 0
				if c.executed {
					want = 1
				}
				if n := s.Count("executed"); n != want {
					t.Errorf("carried out %d times, want %d", n, want)
				}
				s.ClearTrouble()
				if got := send(t.Context(), rt, "POST", base+"/wxa/any?access_token="+token, "body"); !is(200, whole)(got) {
					t.Errorf("afterwards: %+v", got)
				}
			})
		})
	}
}

func fetch(t *testing.T, rt http.RoundTripper, base string) string {
	t.Helper()
	return tokenIn(t, send(t.Context(), rt, "GET", base+strings.TrimPrefix(legacyAsk, "GET "), ""))
}

// tokenIn is the access_token of an answer.
func tokenIn(t *testing.T, got outcome) string {
	t.Helper()
	_, rest, _ := strings.Cut(got.body, `"access_token":"`)
	token, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no token: %+v", got)
	}
	return token
}

func TestTroublesWithCredentials(t *testing.T) {
	l := newLab(t)
	l.Trouble(Trouble{Kind: EmptyToken, Count: 2})
	if r := l.stable(false); r.Raw != `{"access_token":"","expires_in":7200}` {
		t.Errorf("got %s", r.Raw)
	}
	l.onWeCom().do("GET /cgi-bin/gettoken?corpid="+corp+"&corpsecret=agent-2", "")
	token := l.stable(false).Token
	for _, life := range []int64{0, -1, 1 << 40} {
		l.Trouble(Trouble{Kind: AbsurdLife, Life: life})
		if r := l.stable(false); r.Life != life || r.Token != token {
			t.Errorf("got %s, want expires_in %d", r.Raw, life)
		}
		r := l.do("GET /cgi-bin/ticket/getticket?type=jsapi&access_token="+token, "")
		if r.Life != life || r.Ticket == "" {
			t.Errorf("got %s, want expires_in %d", r.Raw, life)
		}
	}
}

func TestTroublesStandInAQueue(t *testing.T) {
	l := newLab(t)
	token := l.stable(false).Token
	l.Trouble(Trouble{Kind: Errcode, Status: 1, Count: 2})
	l.Trouble(Trouble{Kind: Errcode, Status: 2, Path: "/cgi-bin/menu"})
	l.Trouble(Trouble{Kind: Errcode, Status: 3, Path: "/cgi-bin/menu"}) // instead
	for i, want := range []int{1, 1, 3, 3} {
		if got := l.call(token); got != want {
			t.Errorf("call %d got %d, want %d", i+1, got, want)
		}
	}
	l.counted("trouble", 4)
	l.ClearTrouble()
	l.answers("afterwards", token, 0)
}

func TestAHangEndsWhenTheClientLeaves(t *testing.T) {
	bothWays(t, func(t *testing.T, s *Server, rt http.RoundTripper, base string) {
		s.Trouble(Trouble{Kind: Hang})
		ctx, leave := context.WithCancel(t.Context())
		got := make(chan outcome)
		go func() { got <- send(ctx, rt, "POST", base+"/wxa/any", "body") }()
		if err := s.Await(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		leave()
		if o := <-got; !errors.Is(o.err, context.Canceled) {
			t.Errorf("got %+v", o)
		}
		s.Close() // returns only when the call is over
		if c := s.Seen()[0]; c.Status != 0 || c.Executed || c.Trouble != Hang {
			t.Errorf("the log has %+v", c)
		}
	})
}

func TestCloseEndsAHang(t *testing.T) {
	bothWays(t, func(t *testing.T, s *Server, rt http.RoundTripper, base string) {
		s.Trouble(Trouble{Kind: Hang})
		got := make(chan outcome)
		go func() { got <- send(t.Context(), rt, "GET", base+"/wxa/any", "") }()
		if err := s.Await(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		s.Close()
		s.Close()
		if o := <-got; o.err == nil {
			t.Errorf("got %+v", o)
		}
	})
}

func TestDelaysPassByTheBubblesClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.Trouble(Trouble{Kind: Slow, Delay: time.Hour})
		began := time.Now()
		if r := l.do("GET /wxa/any", ""); r.Code != 41001 {
			t.Errorf("got %s", r.Raw)
		}
		if d := time.Since(began); d < 7*time.Hour || d > 9*time.Hour {
			t.Errorf("it took %v", d)
		}
		l.Trouble(Trouble{Kind: Hang})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if o := send(ctx, l.RoundTripper(), "GET", "http://wechat/wxa/any", ""); !errors.Is(o.err, context.DeadlineExceeded) {
			t.Errorf("got %+v", o)
		}
	})
}

func TestAForeignWriterGetsA502ForAReset(t *testing.T) {
	l := newLab(t)
	l.Trouble(Trouble{Kind: Reset})
	w := httptest.NewRecorder()
	l.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/wxa/any", nil))
	if w.Code != http.StatusBadGateway || w.Body.Len() != 0 {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}
