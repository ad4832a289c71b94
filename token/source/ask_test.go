package source

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

func TestTheNextHostIsTriedAfterEveryFailureOfAHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		first func(*http.Request) (*http.Response, error)
		next  bool
	}{
		{"refused", fails(syscall.ECONNREFUSED), true},
		{"broken off", fails(io.ErrUnexpectedEOF), true},
		{"a 502", answers(502, ""), true},
		{"a 500 with a token", answers(500, good), true},
		{"a page instead of JSON", answers(200, "<html>"), true},
		{"no token", answers(200, "{}"), true},
		{"an absurd life", answers(200, `{"access_token":"T","expires_in":1e9}`), true},
		{"an endless answer", answers(200, `{"a":"`+strings.Repeat("x", 64<<10)+`"}`), true},
		{"a retired access point", answers(200, `{"errcode":48017}`), true},
		{"retired by status", answers(410, ""), true},
		{"WeChat's no", answers(200, `{"errcode":40125}`), false},
		{"WeChat's busy", answers(200, `{"errcode":-1}`), false},
		{"a redirect", answers(302, ""), true},
		{"another status", answers(412, ""), true},
	} {
		asked := 0
		second := func(r *http.Request) (*http.Response, error) {
			asked++
			return answers(200, good)(r)
		}
		cl := newClient(t, Options{Upstreams: []string{"https://a", "https://b"}, Transport: trips{"a": c.first, "b": second}})
		v, err := fetch(t.Context(), cl.Legacy("wx1", appSecret))
		if (asked == 1) != c.next || (v == "T") != c.next || (err == nil) != c.next {
			t.Errorf("%s: the next host was asked %d times, got %q, %v", c.name, asked, v, err)
		}
	}
}

func TestHostsThatCannotBeReachedAreSkipped(t *testing.T) {
	t.Parallel()
	s := serve(t, says(200, good))
	if v, err := fetch(t.Context(), client(t, dead, s.URL).Stable("wx1", appSecret)); v != "T" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	for _, upstreams := range [][]string{nil, {dead, "no base URL"}, {"ftp://a"}, {"http://"}} {
		if _, err := NewClient(Options{Upstreams: upstreams}); err == nil {
			t.Errorf("a client for %q", upstreams)
		}
	}
	_, err := fetch(t.Context(), client(t, dead, "http://127.0.0.2:1").Stable("wx1", appSecret))
	if !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "127.0.0.2:1") || strings.Contains(err.Error(), "\n") {
		t.Errorf("where none is left the error names both, in one line: %v", err)
	}
}

func TestTheLastWordDecides(t *testing.T) {
	t.Parallel()
	cl := newClient(t, Options{Upstreams: []string{"https://a", "https://b"}, Transport: trips{
		"a": answers(200, `{"errcode":48017,"errmsg":"retired"}`), "b": answers(200, `{"errcode":40125,"errmsg":"no"}`),
	}})
	_, err := fetch(t.Context(), cl.Legacy("wx1", appSecret))
	var said *errcode.Error
	if !errors.As(err, &said) || said.Code != 40125 || !strings.Contains(err.Error(), "48017") {
		t.Errorf("got %v", err)
	}
}

func TestAnAttemptTakesHalfOfWhatIsLeftWhileAnotherHostIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var lasted []time.Duration
		hang := func(r *http.Request) (*http.Response, error) {
			from := time.Now()
			defer func() { lasted = append(lasted, time.Since(from)) }()
			return hangs(r)
		}
		cl := newClient(t, Options{
			Upstreams: []string{"https://a", "https://b", "https://c"}, Transport: trips{"a": hang, "b": hang, "c": hang},
		})
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		_, err := fetch(ctx, cl.Legacy("wx1", appSecret))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 8*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if len(lasted) != 3 || lasted[0] != 4*time.Second || lasted[1] != 2*time.Second || lasted[2] != 2*time.Second {
			t.Errorf("the attempts lasted %v", lasted)
		}
	})
}

func TestAFetchWithoutADeadlineEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cl := newClient(t, Options{Upstreams: []string{"https://a"}, Transport: trips{"a": hangs}})
		if _, err := fetch(t.Context(), cl.Legacy("wx1", appSecret)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestAForcedCallIsNotForcedTwice(t *testing.T) {
	t.Parallel()
	second := serve(t, says(200, good))
	force := func(first string) string {
		_, err := client(t, first, second.URL).Stable("wx1", appSecret).Fetch(t.Context(), token.FetchRequest{Force: true})
		if err != nil {
			t.Fatal(err)
		}
		r := second.requests()
		return r[len(r)-1].Body
	}
	if body := force(serve(t, says(502, "")).URL); strings.Contains(body, "force") {
		t.Errorf("after a 502 the next host was asked %s", body)
	}
	if body := force(dead); !strings.Contains(body, `"force_refresh":true`) {
		t.Errorf("after a refused connection the next host was asked %s", body)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, says(200, good))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.RequestURI, http.StatusTemporaryRedirect)
	})
	c := client(t, s.URL)
	for _, src := range []token.Source{c.Stable("wx1", appSecret), c.Legacy("wx1", appSecret)} {
		if _, err := fetch(t.Context(), src); !errors.Is(err, statusError(307)) {
			t.Errorf("got %v", err)
		}
	}
	if n := len(elsewhere.requests()); n > 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestClockOffset(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 500e6, time.UTC)
	date := ""
	c := newClient(t, Options{
		Upstreams: []string{"https://a"}, Now: func() time.Time { return now },
		Transport: trips{"a": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{"Date": {date}}, Body: io.NopCloser(strings.NewReader(good)), Request: r}, nil
		}},
	})
	for _, want := range []struct {
		date string
		off  time.Duration
		ok   bool
	}{
		{"", 0, false},
		{"yesterday", 0, false},
		{"Fri, 02 Jan 2026 03:05:05 GMT", time.Minute, true},
		{"Fri, 02 Jan 2026 03:03:05 GMT", -time.Minute, true},
		{"yesterday", -time.Minute, true},
	} {
		date = want.date
		_, _ = fetch(t.Context(), c.Legacy("wx1", appSecret))
		if off, ok := c.ClockOffset(); off != want.off || ok != want.ok {
			t.Errorf("after a Date of %q: %v %v, want %v %v", want.date, off, ok, want.off, want.ok)
		}
	}
}
