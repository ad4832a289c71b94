package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func randomBytes(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

func TestSpoolReadsAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes int
		known bool
	}{
		{"small, of known length", 100, true},
		{"small, of unknown length", 100, false},
		{"a mebibyte to the byte", spoolInMemory, true},
		{"one byte more", spoolInMemory + 1, false},
		{"long", 3<<20 + 17, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := randomBytes(c.bytes)
			s := &spool{src: iotest.HalfReader(bytes.NewReader(want)), size: -1, max: 32 << 20, tempDir: t.TempDir()}
			if c.known {
				s.size = int64(c.bytes)
			} else if err := s.readAll(); err != nil || s.size != int64(c.bytes) {
				t.Fatalf("readAll: %v, size %d", err, s.size)
			}
			for range 3 {
				got, err := io.ReadAll(&reader{s: s})
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d bytes, %v", len(got), err)
				}
			}
			if left, _ := os.ReadDir(s.tempDir); len(left) != 0 {
				t.Errorf("a file with a name: %v", left)
			}
			s.close()
			if _, err := (&reader{s: s}).Read(make([]byte, 1)); !errors.Is(err, errClosed) {
				t.Errorf("after close: %v", err)
			}
		})
	}
}

// A second send begins while the client is still sending: it gets what has
// come so far, and goes on with the rest.
func TestSpoolGoesOnWithTheClient(t *testing.T) {
	want := randomBytes(2 << 20)
	s := &spool{src: bytes.NewReader(want), size: int64(len(want)), max: 32 << 20, tempDir: t.TempDir()}
	defer s.close()
	first := &reader{s: s}
	if _, err := io.CopyN(io.Discard, first, 1_300_000); err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	got, err := io.ReadAll(&reader{s: s})
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestSpoolBounds(t *testing.T) {
	t.Run("longer than allowed", func(t *testing.T) {
		s := &spool{src: strings.NewReader(strings.Repeat("x", 100)), size: -1, max: 99}
		if err := s.readAll(); !errors.Is(err, errTooLong) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the client breaks off", func(t *testing.T) {
		s := &spool{src: io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrUnexpectedEOF)), size: 10, max: 99}
		_, err := io.ReadAll(&reader{s: s})
		if !errors.Is(err, errCutShort) || !errors.Is(s.Err(), errCutShort) {
			t.Errorf("got %v, %v", err, s.Err())
		}
	})
	t.Run("a client that is too slow", func(t *testing.T) {
		s := &spool{src: iotest.ErrReader(os.ErrDeadlineExceeded), size: -1, max: 99}
		if err := s.readAll(); !errors.Is(err, errSlow) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no disk: it goes up once", func(t *testing.T) {
		want := randomBytes(2 << 20)
		s := &spool{src: bytes.NewReader(want), size: int64(len(want)), max: 32 << 20, tempDir: filepath.Join(t.TempDir(), "none")}
		got, err := io.ReadAll(&reader{s: s})
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if s.Repeatable() {
			t.Error("it says it can be repeated")
		}
		if _, err := io.ReadAll(&reader{s: s}); !errors.Is(err, errNotStored) {
			t.Errorf("the second time: %v", err)
		}
	})
	t.Run("no disk and no length", func(t *testing.T) {
		s := &spool{src: bytes.NewReader(randomBytes(2 << 20)), size: -1, max: 32 << 20, tempDir: filepath.Join(t.TempDir(), "none")}
		if err := s.readAll(); !errors.Is(err, errNotStored) {
			t.Errorf("got %v", err)
		}
	})
}

// slowSender is a request body that comes byte by byte, with a pause before each,
// and the ResponseWriter of its server, which sets the deadline.
type slowSender struct {
	*httptest.ResponseRecorder
	pause    func(sent int) time.Duration
	size     int
	sent     int
	deadline time.Time
}

func (s *slowSender) SetReadDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func (s *slowSender) Read(p []byte) (int, error) {
	expired := make(<-chan time.Time)
	if !s.deadline.IsZero() {
		expired = time.After(time.Until(s.deadline))
	}
	select {
	case <-time.After(s.pause(s.sent)):
	case <-expired:
		return 0, os.ErrDeadlineExceeded
	}
	if s.sent == s.size {
		return 0, io.EOF
	}
	s.sent++
	p[0] = 'x'
	return 1, nil
}

// A body has 30 s for each piece and 5 minutes in all. Once it is there, the
// deadline is gone: the client waits for its answer then.
func TestBodyDeadlines(t *testing.T) {
	each := func(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }
	for _, c := range []struct {
		name  string
		pause func(int) time.Duration
		size  int
		err   error
		took  time.Duration
	}{
		{"fast", each(0), 5000, nil, 0},
		{"29 s for each byte", each(29 * time.Second), 9, nil, 290 * time.Second},
		{"31 s for the first byte", each(31 * time.Second), 1, errSlow, 30 * time.Second},
		{"nothing after a while", func(sent int) time.Duration { return map[bool]time.Duration{true: time.Hour}[sent == 50] }, 100, errSlow, 30 * time.Second},
		{"nothing after a minute", func(sent int) time.Duration {
			return map[bool]time.Duration{true: time.Hour, false: 10 * time.Second}[sent == 6]
		}, 100, errSlow, 90 * time.Second},
		{"progress, but too little", each(20 * time.Second), 100, errSlow, 5 * time.Minute},
		{"a byte in a second", each(time.Second), 1000, errSlow, 5 * time.Minute},
		{"a byte in half a second", each(time.Second / 2), 1000, errSlow, 5 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &slowSender{ResponseRecorder: httptest.NewRecorder(), pause: c.pause, size: c.size}
				r := httptest.NewRequestWithContext(t.Context(), "POST", "/wxa/x", client)
				start := time.Now()
				s := New(Options{}).newSpool(client, r, bodyRule{max: 1 << 20})
				defer s.close()
				err := s.readAll()
				if took := time.Since(start); err != c.err || took != c.took {
					t.Errorf("%v after %s, want %v after %s", err, took, c.err, c.took)
				}
				if err == nil && (!client.deadline.IsZero() || s.size != int64(c.size)) {
					t.Errorf("%d bytes, with a deadline at %s", s.size, client.deadline)
				}
			})
		})
	}
}

// A client that is too slow gets 408, and WeChat gets nothing.
func TestSlowBodyIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := bubbleProxy(t, 10*time.Second, 0, transportFunc(func(r *http.Request) (*http.Response, error) {
			t.Error("the call was sent")
			return jsonAnswer(r, "{}"), nil
		}))
		client := &slowSender{ResponseRecorder: httptest.NewRecorder(), pause: func(int) time.Duration { return 20 * time.Second }, size: 100}
		p.ServeHTTP(client, httptest.NewRequestWithContext(t.Context(), "POST", "/wxa/x", client))
		if client.Code != http.StatusRequestTimeout {
			t.Errorf("%d %s", client.Code, client.Body)
		}
	})
}

// A body that breaks off is told to whoever may still listen, and never ends
// in an empty 200.
func TestIncompleteBodyIsAnswered(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	for _, c := range []struct{ name, request, want string }{
		{"a short body", "POST /cgi-bin/message/custom/send HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab", "HTTP/1.1 400 Bad Request"},
		{"a long body, cut", "POST /wxa/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 20000), "HTTP/1.1 400 Bad Request"},
		{"chunks that break off", "POST /wxa/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "HTTP/1.1 400 Bad Request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, c.request)
			_ = conn.(*net.TCPConn).CloseWrite()
			line, _ := bufio.NewReader(conn).ReadString('\n')
			if strings.TrimSpace(line) != c.want {
				t.Errorf("got %q", line)
			}
		})
	}
	if n := w.wechat.Count("executed"); n != 0 {
		t.Errorf("%d were executed", n)
	}
}

// lateDeadline is a client that sends nothing. Its first deadline is set only
// after the spool is closed.
type lateDeadline struct {
	t        *testing.T
	calls    atomic.Int64
	mu       sync.Mutex
	deadline time.Time
	close    func()        // closes the spool; it runs in a goroutine
	closing  chan struct{} // closed once close has set its deadline
}

func (c *lateDeadline) setDeadline(t time.Time) error {
	switch c.calls.Add(1) {
	case 1: // the reader's
		go c.close()
		<-c.closing
	case 2: // that of close
		defer close(c.closing)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return nil
}

func (c *lateDeadline) Read([]byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.After(time.Now()) {
		c.t.Errorf("the spool is closed, and the reader waits until %s", c.deadline)
	}
	return 0, os.ErrDeadlineExceeded
}

// A reader that is about to wait for the client, when the spool is closed, does
// not extend the deadline that close has set.
func TestCloseWhileTheDeadlineIsExtended(t *testing.T) {
	client := &lateDeadline{t: t, closing: make(chan struct{})}
	s := &spool{src: client, size: 10, max: 99, start: time.Now(), deadline: client.setDeadline}
	closed := make(chan struct{})
	client.close = func() {
		defer close(closed)
		s.close()
	}
	if n, err := s.Open().Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	<-closed
}
