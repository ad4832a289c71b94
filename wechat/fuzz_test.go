package wechat

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// hostile is a server's answer to the first call: its bytes, where they are split,
// and what follows. Other calls it answers well.
type hostile struct {
	answer string
	pieces []int // their lengths, over and over; none: it is one piece
	closes bool  // the connection, behind it
}

// hostilePath is what the first call asks for.
const hostilePath = "/hostile"

// answers says how one request is answered, and whether the connection goes on.
func (h hostile) answers(conn net.Conn, r *http.Request) bool {
	_, _ = io.Copy(io.Discard, r.Body)
	if r.URL.Path != hostilePath {
		_, err := io.WriteString(conn, echo(r))
		return err == nil
	}
	rest := h.answer
	for i := 0; len(rest) > 0; i++ {
		n := len(rest)
		if len(h.pieces) > 0 {
			n = min(n, h.pieces[i%len(h.pieces)])
		}
		if _, err := io.WriteString(conn, rest[:n]); err != nil {
			return false
		}
		rest = rest[n:]
	}
	return !h.closes
}

func (h hostile) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil || !h.answers(conn, r) {
			return
		}
	}
}

// test has both roads and net/http ask for the answer. They make the same of it,
// in the time that the call has, and what is too much of it is not taken for the
// answer to the next call.
func (h hostile) test(t *testing.T, method string) {
	sockets()
	var want outcome
	synctest.Test(t, func(t *testing.T) {
		far := func(context.Context, string, string) (net.Conn, error) {
			near, far := newMemConns()
			go h.serve(far)
			return near, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		want = byNetHTTP(ctx, &http.Transport{DialContext: far, MaxResponseHeaderBytes: maxHeader}, method, "http://wechat.invalid"+hostilePath)
	})
	if want.status < 200 {
		want = outcome{err: errNotAnAnswer} // to us
	}
	for _, r := range roads {
		printed := netLog(t)
		if method == http.MethodHead && r.name == "lean" {
			closes := h // it dials, and the network has no synctest
			closes.closes = true
			hosts := newRawHost(t, closes.answers).hosts(t)
			closes.ask(t, hosts, r, method, want)
			closes.askAgain(t, hosts, r)
		} else {
			synctest.Test(t, func(t *testing.T) {
				hosts := newMemHosts(t, h.serve)
				hosts.spare()
				h.ask(t, hosts.Hosts, r, method, want)
				synctest.Wait()
				hosts.spare()
				h.askAgain(t, hosts.Hosts, r)
			})
		}
		if text := printed.String(); text != "" && r.name == "lean" { // see TestAnswers
			t.Errorf("net/http printed %q", text)
		}
	}
}

func (h hostile) ask(t *testing.T, hosts *Hosts, r road, method string, want outcome) {
	began := time.Now()
	got, a := byRoad(t, hosts, Call{Method: method, Path: hostilePath, Body: r.body("{}"), Moved: true})
	if took := time.Since(began); took > hosts.timeout+stall {
		t.Errorf("%s road: it took %v", r.name, took)
	}
	if got.err == nil && len(a.Trailer) > 0 {
		t.Errorf("%s road: a trailer: %v", r.name, a.Trailer)
	}
	if !got.sameAs(want) {
		t.Errorf("%s road: %+v\nnet/http: %+v", r.name, got, want)
	}
}

func (h hostile) askAgain(t *testing.T, hosts *Hosts, r road) {
	got, _ := byRoad(t, hosts, Call{Method: http.MethodPost, Path: "/next", Body: r.body("{}")})
	if want := fmt.Sprintf("{\"errcode\":0,\"target\":%q}", "/next"); got.err != nil || got.body != want {
		t.Errorf("%s road: the next call got %+v", r.name, got)
	}
}

// The answers of the table, in all kinds of pieces.
func TestAnswersInPieces(t *testing.T) {
	for _, c := range answerCases() {
		if c.only != "" {
			continue // its limit is one road's
		}
		t.Run(c.name, func(t *testing.T) {
			for _, pieces := range [][]int{{1}, {maxPeek - 1, 2}, {maxPeek}} {
				if pieces[0] == 1 && len(c.answer) > 10_000 {
					pieces = []int{250}
				}
				for _, closes := range []bool{false, true} {
					hostile{c.answer, pieces, closes}.test(t, cmp.Or(c.method, http.MethodPost))
				}
			}
		})
	}
}

// Whatever a server answers, both roads make of it what net/http does.
func FuzzAnswer(f *testing.F) {
	methods := []string{http.MethodPost, http.MethodGet, http.MethodHead, http.MethodOptions}
	for _, c := range answerCases() {
		if len(c.answer) < 10_000 && c.only == "" {
			f.Add(c.answer, []byte{0}, c.ends != goesOn, byte(max(0, slices.Index(methods, c.method))))
		}
	}
	f.Fuzz(func(t *testing.T, answer string, cuts []byte, closes bool, method byte) {
		if len(answer) > maxHeader/2 || strings.Count(answer, "HTTP/") > 9 {
			return // the limits are named in answerCases
		}
		h := hostile{answer: answer, closes: closes}
		for _, cut := range cuts {
			h.pieces = append(h.pieces, int(cut)+1)
		}
		h.test(t, methods[int(method)%len(methods)])
	})
}
