package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Why a send brought no answer. What net/http said is wrapped.
var (
	errGone    = errors.New("the client hung up")
	errTimeout = errors.New("no answer in time")
	errBroken  = errors.New("the host broke off")
	errAllOpen = errors.New("every breaker is open")
	errStalled = errors.New("the answer stopped coming")
	errNoToken = errors.New("WeChat gave none in time")
	errStatus  = errors.New("malformed HTTP status")
	error5xx   = errors.New("the host answered 5xx") // for its breaker
)

// stall is how long an upload to WeChat, or a download from it, may make no
// progress. A little more than a client's body may: whose fault it is should
// be told right.
const stall = bodyIdle + 5*time.Second

// sender sends one client's call to WeChat, once or more. It is the RoundTripper
// under the call's ReverseProxy, see journey.go.
type sender struct {
	c    *call
	in   *http.Request // ReverseProxy's
	body *spool        // nil: none
	look *looker
	// short is all of body, where that is short: net/http sends it in one piece
	// with the header.
	short []byte

	// untilNS is when WeChat's answer has to begin, in Unix nanoseconds; 0: the
	// request has not gone up entirely yet.
	untilNS atomic.Int64
}

// reply is WeChat's answer, and what its first bytes say.
type reply struct {
	*http.Response
	errcode.Answer
	found bool // an errcode
}

// send sends the call, with that query, to the first host that takes it.
// Hosts are tried in order: after a failure to connect whatever the method,
// after any other only with GET and HEAD. The last answer counts.
func (s *sender) send(query string) (reply, error) {
	u := s.c.upstream
	var last reply
	err := error(errAllOpen)
hosts:
	for i, h := range u.hosts {
		done, open := h.breaker.Allow()
		if open != nil {
			continue
		}
		others := u.othersUp(i)
		var r reply
		r, err = s.attempt(h, query, others)
		done(verdictOf(r, err))
		if last.Response != nil && r.Response != nil {
			_ = last.Body.Close() // another answer takes its place
			last = reply{}
		}
		switch {
		case err == nil && (r.StatusCode < 500 || !others || !s.idempotent()):
			return r, nil
		case err == nil:
			last = r
		case !others || !s.mayTryNext(err):
			break hosts
		}
	}
	if last.Response != nil {
		return last, nil
	}
	return reply{}, err
}

// verdictOf is what a host's breaker is told of an attempt.
func verdictOf(r reply, err error) error {
	if err == nil && r.StatusCode >= 500 {
		return error5xx
	}
	return err
}

// clientsFault reports an error that says nothing about the host.
func clientsFault(err error) bool {
	for _, fault := range []error{errGone, errTooLong, errSlow, errCutShort, errKeep, errClosed} {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}

// idempotent reports whether the call may be executed twice.
func (s *sender) idempotent() bool {
	return s.c.method == http.MethodGet || s.c.method == http.MethodHead
}

// mayTryNext reports whether another host may have the call after err.
func (s *sender) mayTryNext(err error) bool {
	var connect *connectError
	switch {
	case errors.Is(err, errGone) || s.body.failed() != nil || !s.body.repeatable() && s.body.received.Load() > 0:
		return false
	case errors.As(err, &connect):
		return true
	}
	return s.idempotent()
}

// attempt is one request to one host, until its answer's first bytes.
type attempt struct {
	s      *sender
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	url    url.URL
	others bool
}

func (s *sender) attempt(h *host, query string, others bool) (reply, error) {
	c := s.c
	a := &attempt{s: s, others: others}
	// The client's own context: what ReverseProxy's adds is about interim
	// answers, which nobody asked for.
	a.ctx, a.cancel = context.WithCancelCause(c.in.Context())
	start := time.Now()
	first := stall
	if s.body == nil || s.short != nil {
		first = a.sentAll(start)
	}
	a.timer = time.AfterFunc(first, a.timeout)

	a.url = h.url(c.raw, query)
	req := s.in.WithContext(a.ctx)
	req.URL = &a.url
	req.Host = h.authority
	a.setBody(req)
	c.sends++
	resp, err := c.upstream.transport(start).RoundTrip(req)
	c.atWeChat += time.Since(start)
	if err != nil {
		err = a.failed(err)
		a.end()
		return reply{}, err
	}
	c.host = h.authority
	return a.read(resp)
}

// read looks at the answer. What streams goes on under the attempt's eyes.
func (a *attempt) read(resp *http.Response) (reply, error) {
	r := reply{Response: resp}
	a.timer.Reset(a.left(time.Now())) // a short answer has to be there by then
	var err error
	if resp.StatusCode < http.StatusOK {
		_ = resp.Body.Close() // it is no answer
		err = errStatus
	} else {
		r.Answer, r.found, err = a.s.look.look(resp)
	}
	if err != nil {
		err = a.failed(err)
		a.end()
		return reply{}, err
	}
	if l, ok := resp.Body.(*looked); resp.Body == http.NoBody || ok && l.rest == nil {
		a.end() // all of it is here
		resp.Trailer = nil
		return r, nil
	}
	a.timer.Reset(stall)
	if resp.ContentLength < 0 {
		// A trailer could carry anything, and nobody knows one of WeChat's: net/http
		// fills in that of the answer it gave us, not of its copy.
		plain := *resp
		plain.Trailer = nil
		r.Response = &plain
	}
	r.Body = &streaming{ReadCloser: resp.Body, a: a}
	return r, nil
}

// sentAll notes that the request has gone up entirely, and returns how long its
// answer may take: what is left of the call's time, half of that where another
// host could still answer.
func (a *attempt) sentAll(now time.Time) time.Duration {
	a.s.untilNS.CompareAndSwap(0, now.Add(a.s.c.upstream.timeout).UnixNano())
	return a.left(now)
}

// left is what is left of the call's time, or stall while it has not begun.
func (a *attempt) left(now time.Time) time.Duration {
	if a.s.untilNS.Load() == 0 {
		return stall
	}
	left := time.Duration(a.s.untilNS.Load() - now.UnixNano())
	if a.others && a.s.idempotent() {
		left /= 2
	}
	return max(left, time.Millisecond)
}

func (a *attempt) setBody(req *http.Request) {
	body := a.s.body
	if body == nil {
		req.Body, req.ContentLength, req.GetBody = nil, 0, nil
		return
	}
	req.ContentLength = body.size
	req.Body, _ = a.openBody() // it never fails
	if body.repeatable() {
		req.GetBody = a.openBody // a connection that died before it was used is replaced
	}
}

func (a *attempt) openBody() (io.ReadCloser, error) {
	if a.s.short != nil {
		return io.NopCloser(bytes.NewReader(a.s.short)), nil
	}
	return &reader{s: a.s.body, told: a}, nil
}

// moved and ended hear from the body on its way up.
func (a *attempt) moved() { a.timer.Reset(stall) }
func (a *attempt) ended() { a.timer.Reset(a.sentAll(time.Now())) }

func (a *attempt) timeout() { a.cancel(errTimeout) }

func (a *attempt) end() {
	a.timer.Stop()
	a.cancel(nil)
}

// failed says why RoundTrip, or reading, failed.
func (a *attempt) failed(err error) error {
	var connect *connectError
	switch {
	case a.s.body.failed() != nil: // net/http takes the client for gone then
		return a.s.body.failed()
	case a.s.c.in.Context().Err() != nil:
		return errGone
	case errors.As(err, &connect):
		return err
	case errors.Is(context.Cause(a.ctx), errTimeout):
		return errTimeout
	default:
		return &broken{err}
	}
}

// broken is errBroken with what net/http said.
type broken struct{ err error }

func (e *broken) Error() string        { return errBroken.Error() + ": " + e.err.Error() }
func (e *broken) Is(target error) bool { return target == errBroken }
func (e *broken) Unwrap() error        { return e.err }

// streaming is the body of an answer that goes to the client as it comes.
type streaming struct {
	io.ReadCloser
	a     *attempt
	moved time.Time // when the timer was set last
}

func (b *streaming) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
		if now := time.Now(); now.Sub(b.moved) >= time.Second { // not for every piece
			b.moved = now
			b.a.timer.Reset(stall)
		}
	case err != io.EOF && b.a.s.c.in.Context().Err() == nil:
		if errors.Is(context.Cause(b.a.ctx), errTimeout) {
			err = errStalled
		}
		b.a.s.c.err = &broken{err}
	}
	return n, err
}

func (b *streaming) Close() error {
	err := b.ReadCloser.Close()
	b.a.end()
	return err
}
