package wechat

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rawHost is a host that may say anything. answer is called for every request it
// reads, and returns whether the connection goes on.
type rawHost struct {
	url   string
	conns atomic.Int64 // opened
	ended atomic.Int64 // of which were closed, by whichever side

	mu    sync.Mutex
	lines []string // "METHOD target" of the requests
}

func newRawHost(t testing.TB, answer func(conn net.Conn, r *http.Request) bool) *rawHost {
	t.Helper()
	h := &rawHost{}
	h.url = "http://" + accept(t, func(conn net.Conn) {
		h.conns.Add(1)
		h.serve(conn, answer)
	})
	return h
}

// accept serves each connection to the address it returns with serve, and closes
// it behind that, or at the end of the test.
func accept(t testing.TB, serve func(conn net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(t.Context(), func() { _ = conn.Close() })() // at the end of the test
				serve(conn)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); open.Wait() })
	return l.Addr().String()
}

// tunnel copies between conn and address until both are done.
func tunnel(conn net.Conn, address string) {
	far, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer far.Close()
	go func() { _, _ = io.Copy(far, conn); _ = far.Close() }()
	_, _ = io.Copy(conn, far)
}

func (h *rawHost) serve(conn net.Conn, answer func(net.Conn, *http.Request) bool) {
	in := bufio.NewReader(conn)
	defer func() {
		_ = conn.Close() // it may be closed already
		h.ended.Add(1)
	}()
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		h.mu.Lock()
		h.lines = append(h.lines, r.Method+" "+r.RequestURI)
		h.mu.Unlock()
		if !answer(conn, r) {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

func (h *rawHost) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.lines...)
}

// says answers every request with text, and goes on.
func says(text string) func(net.Conn, *http.Request) bool {
	return func(conn net.Conn, _ *http.Request) bool {
		_, err := io.WriteString(conn, text)
		return err == nil
	}
}

// good is an answer whose errcode is 0.
const good = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"errcode\":0}"

// deadHost is the URL of a host that refuses connections.
func deadHost(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func newHosts(t testing.TB, o Options) *Hosts {
	t.Helper()
	h, err := NewHosts(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// send makes a call and returns the answer with its body read.
func send(t testing.TB, h *Hosts, c Call) (Answer, string, error) {
	t.Helper()
	a, err := h.Send(t.Context(), &c)
	if err != nil {
		return a, "", err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	return a, string(body), err
}

func get(path string) Call { return Call{Method: http.MethodGet, Path: path} }

func post(path, body string) Call {
	return Call{Method: http.MethodPost, Path: path, Body: Bytes(body)}
}

// kindOf is the kind of err, "" where it is no Failure.
func kindOf(err error) Kind {
	if f, ok := err.(*Failure); ok {
		return f.Kind
	}
	return ""
}

// trickle is a body that comes a byte at a time, and never ends before done.
type trickle struct{ done chan struct{} }

func (b trickle) Size() int64            { return 1 << 20 }
func (b trickle) Held() bool             { return false }
func (b trickle) AppendTo([]byte) []byte { panic("it is not held") }
func (b trickle) Open() io.ReadCloser    { return io.NopCloser(b) }
func (b trickle) Repeatable() bool       { return false }
func (b trickle) Started() bool          { return true }
func (b trickle) Err() error             { return nil }
func (b trickle) Read(p []byte) (int, error) {
	select {
	case <-b.done:
		return 0, io.ErrUnexpectedEOF
	case <-time.After(5 * time.Millisecond):
		p[0] = 'x'
		return 1, nil
	}
}

// stored is a long body that can be read again.
type stored string

func (b stored) Size() int64            { return int64(len(b)) }
func (b stored) Held() bool             { return false }
func (b stored) AppendTo([]byte) []byte { panic("it is not held") }
func (b stored) Open() io.ReadCloser    { return io.NopCloser(strings.NewReader(string(b))) }
func (b stored) Repeatable() bool       { return true }
func (b stored) Started() bool          { return true }
func (b stored) Err() error             { return nil }

func eventually(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never happened: %s", what)
		}
	}
}
