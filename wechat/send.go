package wechat

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// sending is one Send on its way.
type sending struct {
	*Call
	hosts *Hosts
	ctx   context.Context
	held  bool // the body is, or there is none
	left  time.Duration
	// until is when the answer has to begin, in Unix nanoseconds; 0: the request
	// has not gone out entirely.
	until  atomic.Int64
	out    Answer
	lean   exchange
	peeked peeked        // of the last answer
	ended  func(verdict) // tells the breaker how a body that streams ended; nil: it knows
}

// Send sends c to the first host that takes it and returns WeChat's answer, whose
// errcode, if it has one, is known. Hosts are tried in order: after a failure to
// connect whatever the method, after any other failure and after a 5xx only as
// c.Repeat says; the last answer counts. A call that reached a retired access
// point was not executed there (errcode 410, 48017; HTTP 410): it is sent once
// more over new connections.
//
// The error is a *[Failure], or c.Body.Err() if the request's body could not be
// read. The Answer says in any case what it took. The body of an answer must be
// closed.
func (h *Hosts) Send(ctx context.Context, c *Call) (Answer, error) {
	s := &sending{Call: c, hosts: h, ctx: ctx, left: c.Timeout, held: c.held()}
	if s.left <= 0 {
		s.left = h.timeout
	}
	err := s.overHosts()
	s.out.Left = s.remaining(time.Now())
	if err != nil {
		s.out.Response = nil
	}
	return s.out, err
}

// overHosts tries the hosts in order.
func (s *sending) overHosts() error {
	var err error
	answered := false
	for i, h := range s.hosts.hosts {
		through, ok := h.breaker.allow(s.ctx, s.mayProbe())
		if !ok {
			continue
		}
		others := s.hosts.othersUp(i)
		before := s.out
		if err != nil {
			s.out.Before = strings.TrimPrefix(before.Before+"; "+err.Error(), "; ")
		}
		failure := s.tell(h, through, others)
		if failure == nil {
			if answered {
				ended := s.ended
				s.ended = nil           // the new answer's, which is not the one that ends
				_ = before.Body.Close() // another answer takes its place
				s.ended = ended
			}
			answered, err = true, nil
			if s.out.StatusCode < 500 || !others || !s.repeatable() {
				return nil
			}
			continue
		}
		if answered {
			keepAnswer(&s.out, before)
		} else {
			err = failure
		}
		if !others || !s.mayTryNext(failure) {
			break
		}
	}
	if !answered && err == nil {
		return &Failure{Kind: BreakerOpen}
	}
	return err
}

// tell sends the call to one host and tells its breaker how that went, whatever
// happens: of an answer that streams at its end.
func (s *sending) tell(h *host, through passage, others bool) (err error) {
	v := nothing
	defer func() {
		if err == nil && v == worked && !s.out.Whole && through.probe == nil {
			s.ended = func(v verdict) { h.breaker.tell(through, v, s.Path) }
			return
		}
		h.breaker.tell(through, v, s.Path)
	}()
	err = s.toHost(h, others)
	v = s.verdict(err)
	return err
}

// streamEnded tells the breaker how the answer's body ended.
func (s *sending) streamEnded(v verdict) {
	if tell := s.ended; tell != nil {
		s.ended = nil
		tell(v)
	}
}

// keepAnswer puts the answer of an earlier host back, since a later one gave none.
func keepAnswer(out *Answer, earlier Answer) {
	earlier.Sends, earlier.Took = out.Sends, out.Took
	*out = earlier
}

// mayProbe reports whether the call may probe a host that has rested: one that
// is short, and not a stranger's.
func (s *sending) mayProbe() bool {
	return !s.Stranger && s.held
}

// repeatable reports whether the call may be executed twice.
func (s *sending) repeatable() bool {
	switch s.Repeat {
	case RepeatNever:
		return false
	case RepeatAlways:
		return true
	}
	return s.Method == http.MethodGet || s.Method == http.MethodHead
}

// mayTryNext reports whether another host may have the call after err.
func (s *sending) mayTryNext(err error) bool {
	var f *Failure
	switch {
	case s.ctx.Err() != nil, s.overdue(), s.bodyFailed(), s.Body != nil && !s.Body.Repeatable() && s.Body.Started():
		return false
	case errors.As(err, &f) && f.Connect():
		return f.Kind != NoDescriptors // the next host would need one too
	}
	return s.repeatable()
}

// overdue reports that the call's time is over.
func (s *sending) overdue() bool {
	until := s.until.Load()
	return until != 0 && time.Now().UnixNano() >= until
}

func (s *sending) bodyFailed() bool { return s.Body != nil && s.Body.Err() != nil }

// verdict says what the outcome of an attempt says about its host.
func (s *sending) verdict(err error) verdict {
	switch {
	case s.Stranger:
		return nothing
	case err != nil:
		return verdictOn(err)
	case s.out.StatusCode >= 500:
		return pathFailed
	}
	return worked
}

// toHost sends the call to one host, and once more where its access point is retired.
func (s *sending) toHost(h *host, others bool) error {
	for {
		used := h.pool.current(time.Now())
		err := s.attempt(h, used, others)
		if err != nil {
			return err
		}
		if !retired(s.hosts.platform, s.out) {
			return s.check(h)
		}
		fresh := h.pool.retire(used, time.Now())
		if !fresh || s.out.Moved || s.Moved || s.Body != nil && !s.Body.Repeatable() {
			return s.check(h)
		}
		s.out.Moved = true
		_ = s.out.Body.Close() // nobody wants it
	}
}

// attempt sends the call to h once, by the way that suits it.
func (s *sending) attempt(h *host, g *generation, others bool) (err error) {
	switch {
	case s.hosts.transport != nil:
		err = s.stream(h, s.hosts.transport, others)
	case s.held:
		err = s.overLean(h, g.lean, others)
	case s.Method == http.MethodHead:
		err = s.stream(h, h.pool.heads, others)
	default:
		err = s.stream(h, g.Transport, others)
	}
	if err == nil && s.out.StatusCode == http.StatusProxyAuthRequired && h.pool.dialer.wholeURL() {
		_ = s.out.Body.Close() // it is the egress proxy's
		err = &Failure{Kind: EgressRefused, Host: h.authority, Egress: h.pool.dialer.egressName(), Status: s.out.StatusCode}
	}
	if err == nil {
		s.out.Host = h.authority
	}
	return err
}

// take reads the first bytes of an answer, so that its errcode is known.
func (s *sending) take(resp *http.Response) (err error) {
	if resp.StatusCode < http.StatusOK {
		_ = resp.Body.Close() // it is no answer
		return errNotAnAnswer
	}
	out, body := &s.out, &s.peeked
	if body.buf != nil {
		body = new(peeked) // an earlier host's answer is still there
	}
	if out.Answer, out.Found, out.Whole, err = s.hosts.peeker.peek(resp, body); err != nil {
		return err
	}
	out.Response = resp
	switch {
	case out.Whole:
		resp.Trailer = nil
	case resp.ContentLength < 0:
		// A trailer could carry anything, and WeChat is not known to send one:
		// net/http fills in that of the answer it gave us, not of its copy.
		plain := *resp
		plain.Trailer = nil
		out.Response = &plain
	}
	return nil
}

var errNotAnAnswer = errors.New("an interim status is no answer")

// sentAll notes that the request has gone out entirely, and returns how long its
// answer may take.
func (s *sending) sentAll(now time.Time, others bool) time.Duration {
	s.until.CompareAndSwap(0, now.Add(s.left).UnixNano())
	return s.mayTake(now, others)
}

// mayTake is what is left of the call's time: half of that where another host
// could still answer, and stall while the time has not begun.
func (s *sending) mayTake(now time.Time, others bool) time.Duration {
	if s.until.Load() == 0 {
		return stall
	}
	left := s.remaining(now)
	if others && s.repeatable() {
		left /= 2
	}
	return max(left, time.Millisecond)
}

func retired(p errcode.Platform, a Answer) bool {
	return a.StatusCode == http.StatusGone || a.Found && errcode.Classify(p, errcode.API, a.Code) == errcode.Retired
}

// check has the caller judge the answer.
func (s *sending) check(h *host) error {
	if s.Check == nil {
		return nil
	}
	err := s.Check(s.out)
	if err == nil {
		return nil
	}
	_ = s.out.Body.Close() // it is of no use
	if f := (*Failure)(nil); errors.As(err, &f) {
		return f // it broke off while it was read
	}
	return &Failure{Kind: BadAnswer, Host: h.authority, Status: s.out.StatusCode, Detail: err.Error(), judged: err}
}

// remaining is what is left of the call's time. Where the request has not gone
// out yet that is all of it.
func (s *sending) remaining(now time.Time) time.Duration {
	until := s.until.Load()
	if until == 0 {
		return s.left
	}
	return max(time.Duration(until-now.UnixNano()), time.Millisecond)
}
