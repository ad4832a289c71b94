package wechat

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a connection to WeChat under net/http's transport, which carries the
// bodies that stream. The transport trusts a server more than we can: bytes that
// nobody asked for it prints to standard error, and it may take them for the
// answer to the next call, which may be another account's. So a conn knows which
// call has it. What arrives while none has asked ends the connection in silence.
// And before a call may write, the transport's read is brought to a stop: then
// neither the transport holds any byte, for it reads only when its buffer is
// empty, nor a read that has not returned.
type conn struct {
	net.Conn

	w *wire // under it, or itself

	mu      sync.Mutex
	changed sync.Cond // of what follows
	begun   bool      // a call has the connection
	asked   bool      // that call has begun to write
	parked  bool      // a read waits until it has
	spent   bool      // it had an answer behind which a body may follow
	closed  bool
	call    uint64 // counts the calls, those of the lean road as one

	wrote  atomic.Bool // something of the present call has been written
	failed atomic.Bool // reading or writing failed: the peer closed, or reset
}

// newConn returns a conn over what a dialer has made.
func newConn(over net.Conn, w *wire) *conn {
	c := &conn{Conn: over, w: w}
	c.changed.L = &c.mu
	return c
}

// newUsedConn returns a conn over a connection of the lean road, which may have had
// answers before.
func newUsedConn(lean *leanConn) *conn {
	_ = lean.SetDeadline(time.Time{}) // a closed connection says so at once
	c := newConn(lean.Conn, lean.w)
	c.call = 1
	return c
}

// begin gives the connection to a call, once the transport's read has stopped or
// the connection is closed.
func (c *conn) begin() (call uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun, c.asked = true, false
	c.call++
	c.wrote.Store(false)
	if c.call > 1 {
		_ = c.SetReadDeadline(time.Unix(1, 0)) // a closed connection says so at once
		for !c.parked && !c.closed {
			c.changed.Wait()
		}
	}
	return c.call
}

// ask lets the call write, and the transport read. If anything has arrived since
// the answer before, or may be on its way, the connection closes: the write fails,
// nothing was sent, and the transport takes another one.
func (c *conn) ask() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked || c.closed {
		return
	}
	if c.call > 1 && (c.spent || !c.w.silent(c.Conn)) {
		c.closed = true
		_ = c.Conn.Close() // the write says so
	}
	_ = c.SetReadDeadline(time.Time{}) // as above
	c.asked = true
	c.changed.Broadcast()
}

// end takes the connection from a call whose answer has arrived. The transport
// may have given it to the next one already.
func (c *conn) end(call uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.call == call {
		c.begun, c.asked = false, false
		c.changed.Broadcast()
	}
}

func (c *conn) Read(p []byte) (n int, err error) {
	for {
		n, err = c.Conn.Read(p)
		c.note(p[:n])
		stopped, unasked := c.park(n == 0 && errors.Is(err, os.ErrDeadlineExceeded))
		if stopped {
			continue
		}
		if n > 0 && unasked {
			n, err = 0, io.EOF
		}
		if err != nil {
			c.failed.Store(true)
		}
		return n, err
	}
}

// note looks whether what was read begins an answer that has no body by its
// status.
func (c *conn) note(p []byte) {
	const before = len("HTTP/1.1 ")
	if len(p) < before+3 || !bytes.HasPrefix(p, []byte("HTTP/")) {
		return
	}
	if status, err := strconv.Atoi(string(p[before : before+3])); err == nil && bodiless(status) {
		c.mu.Lock()
		c.spent = true
		c.mu.Unlock()
	}
}

// bodiless reports a status whose answer has no body by definition (RFC 9110,
// sections 15.3.5 and 15.4.5). Servers that send one nevertheless send it a
// moment later, so the connection is not used again.
func bodiless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

// park waits, if begin has stopped the read, until the call has asked. unasked:
// what the read brought is nobody's.
func (c *conn) park(interrupted bool) (stopped, unasked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	unasked = !c.asked
	if !interrupted || !c.begun || c.asked || c.closed {
		return false, unasked
	}
	c.parked = true
	c.changed.Broadcast()
	for c.begun && !c.asked && !c.closed {
		c.changed.Wait()
	}
	c.parked = false
	return true, unasked
}

// Write sends p. Where the peer has stopped reading in the middle of a request
// it may have answered before it did: then the error is left to Read, which
// finds either the answer or the end of the connection.
func (c *conn) Write(p []byte) (int, error) {
	c.ask()
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.wrote.Store(true)
	}
	if err == nil {
		return n, nil
	}
	c.failed.Store(true)
	if c.wrote.Load() && !c.isClosed() {
		return len(p), nil
	}
	return n, err
}

func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.changed.Broadcast()
	c.mu.Unlock()
	return c.Conn.Close()
}
