package wechat

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Where a call goes after the first host of two has failed: what was not sent at
// all goes to the next one, what may have been executed only as Repeat says.
func TestWhoGetsACallAfterAFailure(t *testing.T) {
	login := get("/sns/jscode2session")
	login.Repeat = RepeatNever
	ask := post("/cgi-bin/stable_token", "{}")
	ask.Repeat = RepeatAlways
	breaksOff := func(net.Conn, *http.Request) bool { return false }
	for _, c := range []struct {
		name  string
		first func(net.Conn, *http.Request) bool // nil: it refuses connections
		call  Call
		kind  Kind // of the error; "": the second host answers
	}{
		{"a POST that could not be sent", nil, post("/wxa/x", "{}"), ""},
		{"a login that could not be sent", nil, login, ""},
		{"a GET that was broken off", breaksOff, get("/wxa/x"), ""},
		{"a HEAD that was broken off", breaksOff, Call{Method: http.MethodHead, Path: "/wxa/x"}, ""},
		{"a POST that was broken off", breaksOff, post("/wxa/x", "{}"), Closed},
		{"an OPTIONS that was broken off", breaksOff, Call{Method: http.MethodOptions, Path: "/wxa/x"}, Closed},
		{"a login that was broken off", breaksOff, login, Closed},
		{"a question that was broken off", breaksOff, ask, ""},
		{"a GET answered with nonsense", says("SECRET is no HTTP\r\n\r\n"), get("/wxa/x"), ""},
		{"a POST answered with nonsense", says("SECRET is no HTTP\r\n\r\n"), post("/wxa/x", "{}"), NotHTTP},
		{"a POST answered with an odd status", says("HTTP/1.1 099 SECRET\r\nContent-Length: 0\r\n\r\n"), post("/wxa/x", "{}"), NotHTTP},
		{"a POST with a bad length", says("HTTP/1.1 200 OK\r\nContent-Length: SECRET\r\n\r\n"), post("/wxa/x", "{}"), NotHTTP},
		{"a POST with bad chunks", says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nSECRET\r\n"), post("/wxa/x", "{}"), NotHTTP},
		{"a POST that was cut", func(conn net.Conn, r *http.Request) bool {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{SECRET")
			return false
		}, post("/wxa/x", "{}"), Closed},
		{"a GET with a 500", says("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), get("/wxa/x"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			second := newRawHost(t, says(good))
			first := deadHost(t)
			if c.first != nil {
				first = newRawHost(t, c.first).url
			}
			h := newHosts(t, Options{BaseURLs: []string{first, second.url}})
			a, _, err := send(t, h, c.call)
			if kindOf(err) != c.kind || (err == nil) != (c.kind == "") {
				t.Fatalf("got %v, want %q", err, c.kind)
			}
			if got := len(second.requests()); (got == 1) != (c.kind == "") {
				t.Errorf("the second host got %d requests", got)
			}
			if err == nil && (a.StatusCode != 200 || a.Sends != 2 || a.Host != strings.TrimPrefix(second.url, "http://")) {
				t.Errorf("status %d, %d sends, host %s", a.StatusCode, a.Sends, a.Host)
			}
			if text := fmt.Sprintf("%v %+v %#v %s", err, err, err, a.Before); strings.Contains(text, "SECRET") {
				t.Errorf("the error quotes the other side: %s", text)
			}
		})
	}
}

// A 5xx is passed on where no other host does better, and the last one counts.
func TestTheLastAnswerCounts(t *testing.T) {
	status := func(n int) string {
		return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: 14\r\n\r\n{\"status\":%d}", n, n)
	}
	for _, c := range []struct {
		name   string
		hosts  []string // "": refuses connections
		call   Call
		status int
	}{
		{"both fail", []string{status(500), status(503)}, get("/x"), 503},
		{"the second cannot be reached", []string{status(500), ""}, get("/x"), 500},
		{"not a POST's", []string{status(500), good}, post("/x", "{}"), 500},
		{"the second is well", []string{status(500), good}, get("/x"), 200},
	} {
		var urls []string
		for _, answer := range c.hosts {
			if answer == "" {
				urls = append(urls, deadHost(t))
				continue
			}
			urls = append(urls, newRawHost(t, says(answer)).url)
		}
		a, body, err := send(t, newHosts(t, Options{BaseURLs: urls}), c.call)
		if err != nil || a.StatusCode != c.status || c.status != 200 && body != fmt.Sprintf("{\"status\":%d}", c.status) {
			t.Errorf("%s: %d %q, %v, want %d", c.name, a.StatusCode, body, err, c.status)
		}
	}
}

// What net/http would send again because of its method, and we may not: the same
// with a body that streams.
func TestAStreamingOPTIONSIsSentOnce(t *testing.T) {
	for _, method := range []string{http.MethodOptions, http.MethodGet} {
		h := newRawHost(t, func(conn net.Conn, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body)
			if r.Method != http.MethodPost {
				return false
			}
			_, err := io.WriteString(conn, good)
			return err == nil
		})
		hosts := newHosts(t, Options{BaseURLs: []string{h.url}})
		call := Call{Method: http.MethodPost, Path: "/first", Body: stored(strings.Repeat("x", 9000))}
		if _, _, err := send(t, hosts, call); err != nil {
			t.Fatal(err)
		}
		call.Method, call.Path, call.Repeat = method, "/second", RepeatNever
		if _, _, err := send(t, hosts, call); kindOf(err) != Closed {
			t.Errorf("%s: %v", method, err)
		}
		if n := len(h.requests()); n != 2 {
			t.Errorf("%s was sent %d times", method, n-1)
		}
	}
}

// HEAD shares no connection.
func TestHEADHasAConnectionOfItsOwn(t *testing.T) {
	h := newRawHost(t, says(good))
	hosts := newHosts(t, Options{BaseURLs: []string{h.url}})
	for range 3 {
		if _, _, err := send(t, hosts, get("/x")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := send(t, hosts, Call{Method: http.MethodHead, Path: "/x"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.conns.Load(); n != 4 {
		t.Errorf("%d connections, want one for the GETs and one for each HEAD", n)
	}
}

// A retired access point costs the connections once in 30 s, however often it
// says so.
func TestRetiredAccessPoints(t *testing.T) {
	for name, answer := range map[string]string{
		"HTTP 410":      "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
		"errcode 48017": "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"errcode\":48017}",
		"errcode 410":   "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"errcode\":410}",
	} {
		t.Run(name, func(t *testing.T) {
			h := newRawHost(t, func(conn net.Conn, r *http.Request) bool {
				text := good
				if r.URL.Path == "/retired" {
					text = answer
				}
				_, err := io.WriteString(conn, text)
				return err == nil
			})
			hosts := newHosts(t, Options{BaseURLs: []string{h.url}})
			for i := range 50 {
				a, _, err := send(t, hosts, post("/retired", "{}"))
				if err != nil || a.Moved != (i == 0) {
					t.Fatalf("call %d: moved %v, %v", i, a.Moved, err)
				}
				if a, _, err := send(t, hosts, get("/well")); err != nil || a.Code != 0 || !a.Found {
					t.Fatalf("%v", err)
				}
			}
			if n := h.conns.Load(); n != 2 {
				t.Errorf("%d connections for 100 calls, want 2", n)
			}
			if n := len(h.requests()); n != 101 {
				t.Errorf("%d requests for 100 calls, want 101", n)
			}
		})
	}
}

func TestConnectionsAreReplacedWithTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(&dialer{}, 30*time.Second)
		first := p.current(time.Now())
		time.Sleep(connectionAge - 2*time.Minute)
		if p.current(time.Now()) != first {
			t.Error("replaced after 8 minutes")
		}
		time.Sleep(2 * time.Minute)
		second := p.current(time.Now())
		if second == first {
			t.Error("the same connections after 10 minutes")
		}
		if !p.retire(second, time.Now()) || p.current(time.Now()) == second {
			t.Error("not replaced where the access point is retired")
		}
		third := p.current(time.Now())
		if time.Sleep(dropEvery - time.Second); p.retire(third, time.Now()) {
			t.Error("replaced twice within 30 s")
		}
		if !p.retire(second, time.Now()) {
			t.Error("who used older connections may try the new ones")
		}
		if time.Sleep(2 * time.Second); !p.retire(third, time.Now()) {
			t.Error("not replaced after 30 s")
		}
	})
}

func TestErrcodesInCompressedAnswers(t *testing.T) {
	zip := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, text)
		_ = z.Close()
		return b.String()
	}
	for _, c := range []struct {
		name, encoding, body string
		found                bool
	}{
		{"gzip that nobody asked for", "gzip", zip(`{"errcode":40001,"errmsg":"x"}`), true},
		{"the same by its old name", "x-gzip", zip(`{"errcode":40001}`), true},
		{"in a list", "identity, GZIP", zip(`{"errcode":40001}`), true},
		{"zeros behind it", "gzip", zip(`{"errcode":40001}`) + "\x00\x00", true},
		{"twice", "gzip, gzip", zip(`{"errcode":40001}`), false},
		{"no errcode", "gzip", zip(`{"openid":"x"}`), false},
		{"no gzip", "gzip", `{"errcode":40001}`, false},
		{"cut off", "gzip", zip(`{"errcode":40001}`)[:20], false},
		{"a bomb", "gzip", zip(`{"errcode":40001,"x":"` + strings.Repeat("x", 1<<20) + `"}`), false},
		{"another encoding", "br", `{"errcode":40001}`, false},
	} {
		h := newRawHost(t, says(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", c.encoding, len(c.body), c.body)))
		a, body, err := send(t, newHosts(t, Options{BaseURLs: []string{h.url}}), get("/x"))
		if err != nil || a.Found != c.found || c.found && a.Code != 40001 || body != c.body {
			t.Errorf("%s: found %v, errcode %d, %d bytes, %v", c.name, a.Found, a.Code, len(body), err)
		}
	}
}

// One deadline covers all attempts; while another host is left, an attempt that
// may be repeated gets half of what remains.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		call Call
		took []time.Duration
	}{
		{"a GET", get("/x"), []time.Duration{15 * time.Second, 7500 * time.Millisecond, 7500 * time.Millisecond}},
		{"a POST has the whole time", post("/x", "{}"), []time.Duration{30 * time.Second}},
		{"less is left", Call{Method: http.MethodGet, Path: "/x", Timeout: 8 * time.Second}, []time.Duration{4 * time.Second, 2 * time.Second, 2 * time.Second}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var took []time.Duration
			h := newHosts(t, Options{BaseURLs: []string{"https://a", "https://b", "https://c"}, Transport: tripper(func(r *http.Request) (*http.Response, error) {
				began := time.Now()
				<-r.Context().Done()
				took = append(took, time.Since(began))
				return nil, r.Context().Err()
			})})
			_, err := h.Send(t.Context(), &c.call)
			if kindOf(err) != Timeout || !errors.Is(err, context.DeadlineExceeded) || fmt.Sprint(took) != fmt.Sprint(c.took) {
				t.Errorf("%s: %v after %v, want %v", c.name, err, took, c.took)
			}
			h.Close()
		})
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What is left of the call's time is said with the answer, so that a repeat has
// no more.
func TestWhatIsLeftOfTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(t, Options{BaseURLs: []string{"https://a"}, Transport: tripper(func(r *http.Request) (*http.Response, error) {
			time.Sleep(4 * time.Second)
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		})})
		a, _, err := send(t, h, Call{Method: http.MethodPost, Path: "/x", Timeout: 10 * time.Second})
		if err != nil || a.Left != 6*time.Second || a.Took != 4*time.Second {
			t.Errorf("%v left after %v, %v", a.Left, a.Took, err)
		}
	})
}

// A caller who leaves and our own shortage open no breaker; strangers neither.
func TestWhatOpensNoBreaker(t *testing.T) {
	t.Parallel()
	stranger := get("/sns/auth")
	stranger.Stranger = true
	for _, c := range []struct {
		name string
		call Call
		err  error
		want Kind
	}{
		{"the caller left", get("/x"), context.Canceled, Canceled},
		{"no descriptor left", get("/x"), &net.OpError{Op: "dial", Err: syscall.EMFILE}, NoDescriptors},
		{"a stranger's call that fails", stranger, io.ErrUnexpectedEOF, Closed},
	} {
		var changes atomic.Int64
		h := newHosts(t, Options{
			BaseURLs: []string{"https://a"}, OnBreaker: func(_, _, _ string) { changes.Add(1) },
			Transport: tripper(func(r *http.Request) (*http.Response, error) { return nil, c.err }),
		})
		for range 30 {
			if _, _, err := send(t, h, c.call); kindOf(err) != c.want {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		if changes.Load() != 0 {
			t.Errorf("%s: the breaker is %s", c.name, h.Status()[0].State)
		}
	}
}

// A host whose answers Check refuses is passed over, and blamed only for what is
// its doing.
func TestCheck(t *testing.T) {
	t.Parallel()
	page := newRawHost(t, says("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"))
	well := newRawHost(t, says(good))
	h := newHosts(t, Options{BaseURLs: []string{page.url, well.url}})
	call := post("/x", "{}")
	call.Repeat = RepeatAlways
	call.Check = func(a Answer) error {
		if !a.Found {
			return errors.New("no errcode")
		}
		return nil
	}
	a, _, err := send(t, h, call)
	if err != nil || a.Host != strings.TrimPrefix(well.url, "http://") || !strings.Contains(a.Before, "unexpected response: no errcode") {
		t.Errorf("%s, before %q, %v", a.Host, a.Before, err)
	}
	alone := newHosts(t, Options{BaseURLs: []string{page.url}})
	call.Check = func(Answer) error { return &errcode.Error{Code: 48017} }
	var said *errcode.Error
	for range 10 {
		if _, _, err := send(t, alone, call); kindOf(err) != BadAnswer || !errors.As(err, &said) {
			t.Fatal(err)
		}
	}
	if s := alone.Status()[0].State; s != "closed" {
		t.Errorf("WeChat's own no made the breaker %s", s)
	}
}

// An answer that streams tells the breaker how it ended, also where it takes the
// place of another host's.
func TestABrokenStreamBehindAnotherHostsAnswer(t *testing.T) {
	first := newRawHost(t, says("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n"+strings.Repeat("<", 5000)))
	second := newRawHost(t, func(conn net.Conn, _ *http.Request) bool {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 9000\r\n\r\n"+strings.Repeat("p", 6000))
		return false
	})
	for name, urls := range map[string][]string{"alone": {second.url}, "behind another": {first.url, second.url}} {
		hosts := newHosts(t, Options{BaseURLs: urls})
		_, _, err := send(t, hosts, get("/media"))
		if n := hosts.hosts[len(urls)-1].breaker.inARow.Load(); n != 1 || kindOf(err) != Closed {
			t.Errorf("%s: the breaker has heard of %d failures, %v", name, n, err)
		}
	}
}

// What was closed before its end does not read as complete.
func TestReadAfterClose(t *testing.T) {
	h := newRawHost(t, says("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 9000\r\n\r\n"+strings.Repeat("p", 6000)))
	hosts := newHosts(t, Options{BaseURLs: []string{h.url}})
	call := get("/x")
	a, err := hosts.Send(t.Context(), &call)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.CopyN(io.Discard, a.Body, 100)
	_ = a.Body.Close()
	if n, err := a.Body.Read(make([]byte, 10)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("%d bytes, %v", n, err)
	}
}
