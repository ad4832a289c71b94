package wechat

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// patience is how long a call waits before it looks whether its caller is still
	// there. Most answers have come by then: watching every caller from the start
	// would cost more than writing the request.
	patience = 200 * time.Millisecond
	// surelyTaken is how many bytes the kernel takes without waiting for the host,
	// whose caller need not be watched while they are written.
	surelyTaken = 16 << 10
)

// leanConn is a connection of the lean road.
type leanConn struct {
	net.Conn
	w     *wire            // under it, or itself
	in    *bufio.Reader    // nil while no call has the connection
	limit io.LimitedReader // under in: it bounds the header
	pool  *sync.Pool       // of readers; nil: none
	since time.Time        // when it became idle

	// What is set on the connection: setting a deadline costs more than seeing that
	// the last call's will do.
	readBy, writeBy time.Time

	used bool // a call has had it

	// Of the present call.
	caller   context.Context
	stop     func() bool // ends the watch on the caller; nil: it is not watched
	ends     time.Time   // the call's time
	got      bool        // bytes of the answer have come
	failed   bool        // the peer closed it, or reset it
	timedOut bool
}

func newLeanConn(over net.Conn, w *wire) *leanConn {
	c := &leanConn{Conn: over, w: w}
	c.limit.R = (*leanSource)(c)
	return c
}

// silent reports whether nothing has arrived on the idle connection.
func (c *leanConn) silent() bool {
	if c.Conn != net.Conn(c.w) {
		c.readBy = time.Time{} // looking into TLS moves the deadline
	}
	return c.w.silent(c.Conn)
}

// settleTime is how long a connection that is made for the reserve is watched: TLS
// 1.3 has tickets sent behind the handshake (RFC 8446, section 4.6.1), a round trip
// later, and some hosts close at once.
const settleTime = 500 * time.Millisecond

// usable reports whether a call may have the idle connection.
func (c *leanConn) usable() bool { return c.silent() || c.settled() }

// settled reports whether all that has come is what TLS sends behind a handshake: on
// a connection that no call has had yet.
func (c *leanConn) settled() bool {
	for range 5 { // on a busy machine a deadline may pass before anything is read
		switch {
		case c.used || !c.listen(time.Now().Add(time.Millisecond)):
			return false
		case c.silent():
			return true
		}
	}
	return false
}

// settle waits for what TLS sends behind a handshake, on a connection that no call
// has had yet, and reports whether the connection is silent after that.
func (c *leanConn) settle(until time.Time) bool { return c.listen(until) && c.silent() }

// listen reads, until then, what TLS keeps to itself, and reports whether that is all.
func (c *leanConn) listen(until time.Time) bool {
	if c.Conn == net.Conn(c.w) {
		return true
	}
	c.readUntil(until)
	var one [1]byte
	n, err := c.Conn.Read(one[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// begin gives the connection to a call that may take so long.
func (c *leanConn) begin(caller context.Context, now time.Time, may time.Duration) {
	c.used = true
	if c.pool != nil {
		c.in, _ = c.pool.Get().(*bufio.Reader)
	}
	if c.in == nil {
		c.in = bufio.NewReader(nil)
	}
	c.in.Reset(&c.limit)
	c.got, c.failed, c.timedOut = false, false, false
	c.caller, c.stop, c.ends = caller, nil, now.Add(may)
	if first := min(may, patience); c.readBy.Before(now.Add(first/2)) || c.readBy.After(now.Add(first)) {
		c.readUntil(now.Add(first))
	}
	if c.writeBy.Before(now.Add(may-may/10)) || c.writeBy.After(c.ends) {
		c.writeBy = c.ends
		_ = c.SetWriteDeadline(c.ends) // a closed connection says so at the next write
	}
	if caller.Err() != nil {
		c.watch()
	}
}

func (c *leanConn) readUntil(t time.Time) {
	c.readBy = t
	_ = c.SetReadDeadline(t) // a closed connection says so at the next read
}

// watch ends what is waited for on the connection as soon as the caller leaves.
func (c *leanConn) watch() {
	if c.stop == nil && c.caller.Done() != nil {
		c.stop = context.AfterFunc(c.caller, c.abort)
	}
}

// end takes the connection from its call, and reports whether another may have it.
func (c *leanConn) end() (reusable bool) {
	left := c.stop != nil && !c.stop() || c.caller != nil && c.caller.Err() != nil // the deadline may pass at any moment
	if left || c.failed || c.timedOut || c.in == nil || c.in.Buffered() > 0 {
		return false
	}
	if c.in.Reset(nil); c.pool != nil {
		c.pool.Put(c.in)
	}
	c.in, c.caller, c.stop = nil, nil, nil
	return true
}

// abort ends what is waited for on the connection.
func (c *leanConn) abort() { _ = c.SetDeadline(time.Unix(1, 0)) }

// extend gives the call more time.
func (c *leanConn) extend(ends time.Time) {
	c.ends = ends
	c.readUntil(ends)
	if c.caller.Err() != nil {
		c.abort() // which may have come before
	}
}

// goesOn reports whether there is still time for a read whose deadline has passed,
// and somebody who wants it.
func (c *leanConn) goesOn() bool {
	if c.caller.Err() != nil || !c.readBy.Before(c.ends) {
		return false
	}
	c.watch()
	c.extend(c.ends)
	return true
}

func (c *leanConn) noteError(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.timedOut = true
		return
	}
	c.failed = true
}

// leanSource reads from a leanConn and notes how that goes.
type leanSource leanConn

func (s *leanSource) Read(p []byte) (int, error) {
	c := (*leanConn)(s)
	for {
		n, err := c.Conn.Read(p)
		if n > 0 {
			c.got = true
		}
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && c.goesOn() {
			continue
		}
		if err != nil {
			c.noteError(err)
		}
		return n, err
	}
}
