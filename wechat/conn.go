package wechat

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// conn is a connection to WeChat under net/http's transport, which carries the
// bodies that stream. The transport trusts a
// server more than we can: bytes that nobody asked for it prints to standard
// error, and it may take them for the answer to the next call, which may be
// another account's. So a conn knows whether a call is using it. What arrives
// while none is ends the connection in silence; and before the next call may
// write, the transport must be waiting for bytes again, which it does only when
// its buffer holds none.
type conn struct {
	net.Conn

	w *wire // under it, or itself

	mu      sync.Mutex
	waiting sync.Cond // for reading or closed to change
	reading bool      // the transport waits for the network: neither it nor TLS holds any byte
	inUse   bool
	used    bool // by a call before
	closed  bool
	call    uint64 // counts the calls

	asked  atomic.Bool // the present call has begun to write
	wrote  atomic.Bool // something of it has been written
	failed atomic.Bool // reading or writing failed: the peer closed, or reset
}

// newConn returns a conn over what a dialer has made.
func newConn(over net.Conn, w *wire) *conn {
	c := &conn{Conn: over, w: w}
	c.waiting.L = &c.mu
	w.onRead = c.setReading
	return c
}

// begin gives the connection to a call. If it was used before, it first waits
// until the transport has nothing buffered, and looks whether anything has
// arrived since. If so the connection closes, the write fails, and the transport
// takes another one: nothing was sent.
func (c *conn) begin() (call uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.used && !c.reading && !c.closed {
		c.waiting.Wait()
	}
	if c.used && !c.closed && (!c.w.probe.silent() || c.w.midRecord()) {
		c.closed = true
		_ = c.Conn.Close() // the write says so
	}
	c.inUse, c.used = true, true
	c.call++
	c.asked.Store(false)
	c.wrote.Store(false)
	return c.call
}

// end takes the connection from a call whose answer has arrived. The transport
// may have given it to the next one already.
func (c *conn) end(call uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.call == call {
		c.inUse = false
	}
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.failed.Store(true)
	}
	if n > 0 && c.unasked() {
		c.failed.Store(true)
		return 0, io.EOF
	}
	return n, err
}

// unasked reports whether no call has asked for what arrives.
func (c *conn) unasked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.inUse || !c.asked.Load()
}

// setReading notes that a read waits for the network, or no longer does.
func (c *conn) setReading(reading bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = reading
	c.waiting.Broadcast()
}

// Write sends p. Where the peer has stopped reading in the middle of a request
// it may have answered before it did: then the error is left to Read, which
// finds either the answer or the end of the connection.
func (c *conn) Write(p []byte) (int, error) {
	c.asked.Store(true)
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
	c.waiting.Broadcast()
	c.mu.Unlock()
	return c.Conn.Close()
}
