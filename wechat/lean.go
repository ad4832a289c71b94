package wechat

import (
	"context"
	"io"
	"math"
	"net/http"
	"time"
)

// The lean road carries the calls whose body is held in memory, that is nearly
// all: one write on the caller's goroutine, no other goroutine, and the answer
// read with net/http's own ReadResponse. It owns its connections, so that it can
// see whether bytes are left on one that nobody asked for.

// maxHeader bounds the header of an answer, in bytes.
const maxHeader = 64 << 10

// exchange is one request on a connection of the lean road, until all of its
// answer has been read. It is the body of that answer, too.
type exchange struct {
	s             *sending
	h             *host
	pool          *leanPool
	c             *leanConn
	req           http.Request // for ReadResponse, which wants to know the method
	inner         io.ReadCloser
	close         bool // the connection is not used again
	streams       bool
	done, closed  bool
	deadlineSetAt time.Time
}

// overLean sends the call to h. It tries again, once and on a new connection, if a
// pooled one died before any byte of the answer, and the request was not written or
// may be executed twice.
func (s *sending) overLean(h *host, pool *leanPool, others bool) error {
	for again := false; ; again = true {
		e := &s.lean
		if e.s != nil {
			e = new(exchange)
		}
		*e = exchange{s: s, h: h, pool: pool}
		h.pool.reserve.enter()
		s.out.Sends++
		start := time.Now()
		may := s.sentAll(start, others)
		reused, wrote, err := e.roundTrip(start, may, again || s.Method == http.MethodHead)
		s.out.Took += time.Since(start)
		if err == nil {
			return nil
		}
		f := e.failure(err)
		e.finish(false)
		if again || !reused || e.c.got || wrote && !s.repeatable() || f.Kind != Closed {
			return f
		}
		s.out.Sends--
	}
}

// roundTrip sends the request and takes in the beginning of the answer. fresh: on
// a connection of its own.
func (e *exchange) roundTrip(start time.Time, may time.Duration, fresh bool) (reused, wrote bool, err error) {
	s := e.s
	if !fresh {
		e.c = e.pool.take(start)
	}
	if reused = e.c != nil; !reused {
		if e.c, reused, err = e.connect(may, fresh); err != nil {
			return false, false, err
		}
	}
	e.c.begin(s.ctx, start, may)
	request, err := s.hosts.heads.compose(e.h, s)
	if err != nil {
		return reused, false, err
	}
	if len(*request) > surelyTaken {
		e.c.watch()
	}
	n, err := e.c.Write(*request)
	s.hosts.heads.put(request)
	if err != nil {
		e.c.noteError(err)
		if n == 0 && !reused {
			return false, false, &Failure{Kind: ConnectFailed} // nothing was sent: the next host may have it
		}
		if n == 0 {
			return reused, false, err
		}
		e.close = true // it may have answered before it stopped reading
	}
	resp, err := e.readHeader()
	if err != nil {
		return reused, true, err
	}
	if resp.Body != http.NoBody {
		e.inner, resp.Body = resp.Body, e
	}
	e.close = e.close || resp.Close || s.Method == http.MethodHead || bodiless(resp.StatusCode)
	if err := s.take(resp); err != nil {
		return reused, true, err
	}
	switch {
	case e.done: // its end has come with its beginning, and the connection is another's
	case !s.out.Whole:
		e.streams = true
		e.c.watch()
		e.grant(time.Now())
	case e.inner == nil: // there is no body
		e.finish(true)
	}
	return reused, true, nil
}

// connect makes a connection within the call's time. fresh: one of its own.
func (e *exchange) connect(may time.Duration, fresh bool) (c *leanConn, reused bool, err error) {
	timeout := min(may, e.h.dialTimeout)
	ctx, cancel := context.WithTimeout(e.s.ctx, timeout)
	defer cancel()
	if fresh {
		c, err = e.h.pool.dialer.dialLean(ctx)
		return c, false, err
	}
	return e.pool.dial(ctx, e.h.pool.dialer, e.h.dialTimeout)
}

// readHeader reads an answer's header, past interim ones.
func (e *exchange) readHeader() (*http.Response, error) {
	e.req.Method = e.s.Method
	for range 10 {
		e.c.limit.N = maxHeader
		resp, err := http.ReadResponse(e.c.in, &e.req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode >= http.StatusOK || resp.StatusCode < http.StatusContinue || resp.StatusCode == http.StatusSwitchingProtocols {
			e.c.limit.N = math.MaxInt64
			return resp, nil
		}
	}
	return nil, errNotAnAnswer
}

// Read implements io.Reader over the answer's body.
func (e *exchange) Read(p []byte) (int, error) {
	if e.inner == nil {
		if e.closed {
			return 0, http.ErrBodyReadAfterClose
		}
		e.s.streamEnded(worked)
		return 0, io.EOF
	}
	if e.streams {
		// Only what is waited for here counts: the client may be slow. Not for every
		// piece, a second more or less does not matter.
		if now := time.Now(); now.Sub(e.deadlineSetAt) >= time.Second {
			e.grant(now)
		}
	}
	n, err := e.inner.Read(p)
	switch {
	case err == nil:
	case err == io.EOF:
		e.finish(true)
		e.s.streamEnded(worked)
	case e.streams:
		f := e.failure(err)
		e.s.streamEnded(e.s.verdict(f))
		err = f
	}
	return n, err
}

// grant gives the answer more time to make progress.
func (e *exchange) grant(now time.Time) {
	e.deadlineSetAt = now
	e.c.extend(now.Add(stall))
}

// Close implements io.Closer: an answer that was not read to its end costs the
// connection.
func (e *exchange) Close() error {
	e.closed = true
	e.finish(false)
	e.s.streamEnded(nothing)
	return nil
}

// finish gives the connection back, or closes it.
func (e *exchange) finish(keep bool) {
	if e.done {
		return
	}
	e.done = true
	e.inner = nil // it reads from the connection
	reusable := e.c != nil && e.c.end()
	keep = keep && reusable && !e.close
	switch {
	case keep:
		e.pool.put(e.c)
	case e.c != nil:
		_ = e.c.Conn.Close() // whatever is left on it is not asked for
	}
	e.h.pool.reserve.leave(!keep)
}

// failure says why the exchange failed.
func (e *exchange) failure(err error) *Failure {
	state := connState{connected: e.c != nil, streams: e.streams}
	if e.c != nil {
		state.timedOut, state.failed = e.c.timedOut, e.c.failed
	}
	return e.s.failure(e.h, err, state)
}
