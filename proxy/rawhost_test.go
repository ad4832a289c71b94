package proxy

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
)

// rawHost is a host that speaks HTTP by hand, well or badly. It reads the header
// of each request and leaves the rest to the test.
type rawHost struct {
	url string

	mu       sync.Mutex
	requests []string // request targets
}

// rawConn is a connection to a rawHost.
type rawConn struct {
	net.Conn
	*bufio.Reader
}

// Read implements both io.Reader of Conn and of Reader: what is buffered counts.
func (c *rawConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

// newRawHost starts a host that calls serve for each request. The connection is
// used again if serve returns true, and closed otherwise.
func newRawHost(t testing.TB, serve func(c *rawConn, r *http.Request) (keep bool)) *rawHost {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &rawHost{url: "http://" + l.Addr().String()}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go h.serve(&rawConn{Conn: conn, Reader: bufio.NewReader(conn)}, serve)
		}
	}()
	return h
}

func (h *rawHost) serve(c *rawConn, serve func(*rawConn, *http.Request) bool) {
	defer c.Close()
	for {
		r, err := http.ReadRequest(c.Reader)
		if err != nil {
			return // the proxy hung up
		}
		h.mu.Lock()
		h.requests = append(h.requests, r.RequestURI)
		h.mu.Unlock()
		if !serve(c, r) {
			return
		}
	}
}

// seen returns the targets of all requests so far.
func (h *rawHost) seen() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.requests)
}
