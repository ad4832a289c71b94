package proxy

import (
	"io"
	"sync/atomic"
)

// Size implements [wechat.Body].
func (s *spool) Size() int64 { return s.size }

// Held implements [wechat.Body]: it returns a whole body of at most smallBody
// bytes, nil for any other. The memory is nobody else's: net/http may hold on to
// it after the call.
func (s *spool) Held() []byte {
	if !s.whole.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mem.short()
}

// Open implements [wechat.Body].
func (s *spool) Open() io.ReadCloser { return &reader{s: s} }

// Repeatable implements [wechat.Body].
func (s *spool) Repeatable() bool { return !s.lost.Load() }

// Started implements [wechat.Body].
func (s *spool) Started() bool { return s.received.Load() > 0 }

// Err implements [wechat.Body]: it returns what went wrong on the client's side.
func (s *spool) Err() error { return s.failed() }

// reader is the spool's bytes from the start, for one send. Reading goes on
// behind a response that came early, in net/http's own goroutine.
type reader struct {
	s      *spool
	off    int64
	closed atomic.Bool
}

func (r *reader) Read(p []byte) (int, error) {
	if r.closed.Load() {
		return 0, errClosed
	}
	n, err := r.s.readAt(p, r.off)
	r.off += int64(n)
	return n, err
}

func (r *reader) Close() error {
	r.closed.Store(true)
	return nil
}
