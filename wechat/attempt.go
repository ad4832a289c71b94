package wechat

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// stall is how long a request body, or an answer, may make no progress. It is
// slightly longer than the proxy gives a client's body, so that a slow client is
// reported as one.
const stall = 35 * time.Second

// errTimedOut cancels an attempt whose time is over.
var errTimedOut = errors.New("timed out")

// attempt is one request to one host over net/http's transport, until all of its
// answer has been read. Calls whose body streams go this way, see lean.go for the
// others.
type attempt struct {
	s      *sending
	h      *host
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	trace  httptrace.ClientTrace
	url    url.URL
	others bool

	conn    *conn // nil: none was obtained
	call    uint64
	reused  bool
	streams bool // the header has arrived, and the body goes on
	ended   bool
	paused  atomic.Bool // no Read is waiting: the timer does not end the attempt
}

// stream sends the call to h over net/http's transport and reads the first bytes
// of the answer into s.out.
func (s *sending) stream(h *host, transport http.RoundTripper, others bool) error {
	if !s.writable(h) {
		return &Failure{Kind: Malformed, Host: h.authority}
	}
	for {
		a := &attempt{s: s, h: h, others: others}
		err := a.send(transport)
		if err == nil || !a.unsent() || s.ctx.Err() != nil {
			return err
		}
		// A pooled connection had died: the next one is as good as the first.
	}
}

// writable reports whether net/http would write the call as it stands. It sends
// spaces in the target as they are, and reports other bad bytes in a way that would
// be blamed on the host.
func (s *sending) writable(h *host) bool {
	if h.prefix == "" && strings.HasPrefix(s.Path, "//") {
		return false // it would write a whole URL with what follows as the host
	}
	return s.hosts.heads.writable(h, s.Call)
}

// unsent reports that a connection from the pool died before anything was
// written to it, in a way that net/http does not mend by itself.
func (a *attempt) unsent() bool {
	return a.conn != nil && a.reused && !a.conn.wrote.Load() && context.Cause(a.ctx) != errTimedOut && !a.s.bodyFailed() &&
		(a.s.Body == nil || a.s.Body.Repeatable())
}

func (a *attempt) send(transport http.RoundTripper) error {
	s := a.s
	a.ctx, a.cancel = context.WithCancelCause(s.ctx)
	a.h.pool.reserve.enter()
	start := time.Now()
	first := stall
	if s.held {
		first = s.sentAll(start, a.others)
	}
	a.timer = time.AfterFunc(first, a.timeOut)
	a.trace.GotConn = a.gotConn
	req := a.request()
	s.out.Sends++
	resp, err := transport.RoundTrip(req)
	s.out.Took += time.Since(start)
	if err == nil {
		err = a.read(resp)
	}
	if err != nil {
		err = a.failure(err)
		a.end()
		return err
	}
	return nil
}

// gotConn is called by net/http before it writes the request.
func (a *attempt) gotConn(info httptrace.GotConnInfo) {
	a.conn, _ = info.Conn.(*conn)
	a.reused = info.Reused
	if a.conn != nil {
		a.call = a.conn.begin()
		a.reused = a.call > 1
	}
}

// request returns the call as net/http wants it.
func (a *attempt) request() *http.Request {
	s := a.s
	a.url = a.h.url(s.Path, s.Query)
	header := s.Header
	if header == nil {
		header = http.Header{}
	}
	if header["User-Agent"] == nil {
		header = maps.Clone(header)
		header["User-Agent"] = []string{""} // else net/http sends its own name
	}
	if a.h.egressAuth != "" {
		header = header.Clone()
		header.Set("Proxy-Authorization", a.h.egressAuth)
	}
	req := (&http.Request{
		Method: s.Method, URL: &a.url, Host: a.h.authority, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(httptrace.WithClientTrace(a.ctx, &a.trace))
	switch {
	case s.Body != nil:
		req.ContentLength = s.Body.Size()
		req.Body, _ = a.open() // it never fails
		if s.Body.Repeatable() && !s.replayedByMethod() {
			// A pooled connection that died before it was used is replaced. With a GET
			// net/http would go on through all that it has, though each may have read it.
			req.GetBody = a.open
		}
	case s.replayedByMethod() && !s.repeatable():
		// net/http sends a GET or OPTIONS without a body again when a connection dies
		// after it was read. What has a body, even an empty one, it does not.
		req.Body = io.NopCloser(noBytes{})
	}
	return req
}

// replayedByMethod reports a method that net/http sends again, where it can, when
// a connection dies.
func (s *sending) replayedByMethod() bool {
	switch s.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// noBytes is an empty body that net/http does not know to be one.
type noBytes struct{}

func (noBytes) Read([]byte) (int, error) { return 0, io.EOF }

func (a *attempt) open() (io.ReadCloser, error) {
	return &upload{ReadCloser: a.s.Body.Open(), a: a}, nil
}

// upload is a body on its way: the attempt's timer watches its progress.
type upload struct {
	io.ReadCloser
	a *attempt
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		u.a.timer.Reset(u.a.s.sentAll(time.Now(), u.a.others))
	case n > 0:
		u.a.timer.Reset(stall)
	}
	return n, err
}

// timeOut ends the attempt, unless it is the client who is slow to read.
func (a *attempt) timeOut() {
	if a.paused.Load() {
		a.timer.Reset(stall)
		return
	}
	a.cancel(errTimedOut)
}

// read takes in the beginning of the answer. What streams goes on under the
// attempt's eyes.
func (a *attempt) read(resp *http.Response) error {
	a.timer.Reset(a.s.mayTake(time.Now(), a.others)) // a short answer has to be there by then
	if err := a.s.take(resp); err != nil {
		return err
	}
	if a.s.out.Whole {
		a.end()
		return nil
	}
	a.paused.Store(true)
	a.timer.Reset(stall)
	a.s.out.Body = &download{ReadCloser: a.s.out.Body, a: a}
	return nil
}

// end gives up what the attempt holds.
func (a *attempt) end() {
	if a.ended {
		return
	}
	a.ended = true
	a.h.pool.reserve.leave(true) // its connection is not for the calls that do not stream
	a.timer.Stop()
	if a.conn != nil {
		a.conn.end(a.call)
	}
	a.cancel(nil)
}

// failure says why the request or its answer failed.
func (a *attempt) failure(err error) error {
	if a.s.bodyFailed() { // net/http takes that for the peer's doing
		return a.s.Body.Err()
	}
	state := connState{connected: a.conn != nil, timedOut: context.Cause(a.ctx) == errTimedOut, streams: a.streams || a.s.until.Load() == 0}
	switch {
	case a.conn != nil:
		state.failed = a.conn.failed.Load()
	case a.s.hosts.transport != nil:
		state.connected, state.failed = connectKind(err) == ConnectFailed || state.timedOut, true
	}
	return a.s.failure(a.h, err, state)
}

// download is an answer's body that goes to the caller as it comes.
type download struct {
	io.ReadCloser
	a          *attempt
	timerSetAt time.Time
}

func (d *download) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(d.timerSetAt) >= time.Second { // not for every piece
		d.timerSetAt = now
		d.a.timer.Reset(stall)
	}
	d.a.paused.Store(false)
	n, err := d.ReadCloser.Read(p)
	d.a.paused.Store(true)
	switch {
	case err == nil:
	case err == io.EOF:
		d.a.s.streamEnded(worked)
	default:
		d.a.streams = true
		err = d.a.failure(err)
		d.a.s.streamEnded(d.a.s.verdict(err))
	}
	return n, err
}

func (d *download) Close() error {
	err := d.ReadCloser.Close()
	d.a.end()
	d.a.s.streamEnded(nothing)
	return err
}
