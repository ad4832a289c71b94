package proxy

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of a request body.
const (
	heldBody      = 64 << 10         // bytes; a longer body is sent while it arrives
	spoolInMemory = 1 << 20          // bytes; a longer body goes to a file
	bodyIdle      = 30 * time.Second // without progress
	bodyTotal     = 5 * time.Minute
)

// Errors of a request body.
var (
	errTooLong   = errors.New("the request body is too long")
	errSlow      = errors.New("the request body arrived too slowly")
	errCutShort  = errors.New("the request body is incomplete")
	errNotStored = errors.New("cannot store the request body")
	errClosed    = errors.New("the request body is closed")
)

// spool is a request body that can be sent several times, even before all of it
// has arrived. It stores what it has read: up to 1 MiB in memory, more in a file
// that has no name. It implements [wechat.Body].
type spool struct {
	src           io.Reader // the client's body
	size          int64     // -1: unknown
	max           int64
	tempDir       string
	start         time.Time
	deadlineSetAt time.Time
	// deadline sets until when the client has to send more; nil: there is none.
	deadline func(time.Time) error

	// These can be read while a reader waits for the client.
	received  atomic.Int64
	clientErr atomic.Pointer[error]
	complete  atomic.Bool
	notStored atomic.Bool // the disk failed: the body can be sent only once
	closed    atomic.Bool // no reader waits for the client any more

	mu   sync.Mutex // held while a reader waits for the client, so that others wait too
	mem  blocks
	file *os.File
	n    int64 // bytes read from src
	err  error // of src, io.EOF at its end
}

// newSpool returns the spool of a server's request, or nil if it has no body.
func (p *Proxy) newSpool(w http.ResponseWriter, r *http.Request, rule bodyRule) *spool {
	if rule == (bodyRule{}) {
		return nil
	}
	control := http.NewResponseController(w)
	return &spool{src: r.Body, size: r.ContentLength, max: rule.max, tempDir: p.opts.TempDir, start: time.Now(), deadline: control.SetReadDeadline, mem: blocks{pool: p.buffers}}
}

// Size returns the length in bytes, -1 if it is unknown.
func (s *spool) Size() int64 { return s.size }

// Held reports whether all of a body of at most heldBody bytes has come.
func (s *spool) Held() bool { return s.complete.Load() && s.size <= heldBody && !s.notStored.Load() }

// AppendTo appends a held body to b.
func (s *spool) AppendTo(b []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mem.appendTo(b)
}

// Open returns the body from its first byte on.
func (s *spool) Open() io.ReadCloser { return &reader{s: s} }

// Repeatable reports whether the body can be read again.
func (s *spool) Repeatable() bool { return !s.notStored.Load() }

// Started reports whether the client has sent any of it.
func (s *spool) Started() bool { return s.received.Load() > 0 }

// Err returns what the client did wrong, or nil. s may be nil.
func (s *spool) Err() error {
	if s == nil || s.clientErr.Load() == nil {
		return nil
	}
	return *s.clientErr.Load()
}

// readAll reads the whole body, so that its length is known.
func (s *spool) readAll() error {
	buf := s.mem.pool.Get()
	defer s.mem.pool.Put(buf)
	for off := int64(0); ; {
		n, err := s.readAt(buf, off)
		off += int64(n)
		if err == io.EOF {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.size = s.n
			return nil
		}
		if err != nil {
			return err
		}
		if s.notStored.Load() {
			return errNotStored
		}
	}
}

// readAt reads from off, which is not beyond what was read before: stored bytes
// first, then the client's.
func (s *spool) readAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed.Load():
		return 0, errClosed
	case off < s.n:
		return s.readStored(p, off)
	case s.err != nil:
		return 0, s.err
	}
	n, err := s.receive(p)
	if n > 0 {
		s.store(p[:n])
	}
	s.setErr(err)
	if n > 0 && err != io.EOF {
		err = nil // the next read returns it
	}
	return n, err
}

func (s *spool) setErr(err error) {
	s.err = err
	switch err {
	case nil:
	case io.EOF:
		s.complete.Store(true)
	default:
		clientErr := err // a variable of its own, so that other reads allocate nothing
		s.clientErr.Store(&clientErr)
	}
}

// receive reads from the client, within the limits.
func (s *spool) receive(p []byte) (int, error) {
	if s.deadline != nil {
		s.extend(time.Now())
	}
	if s.size >= 0 {
		p = p[:min(int64(len(p)), s.size-s.n)]
	}
	n, err := s.src.Read(p)
	switch {
	case s.n+int64(n) > s.max:
		return 0, errTooLong
	case err == nil && s.size >= 0 && s.n+int64(n) == s.size:
		err = io.EOF
	}
	switch {
	case err == nil:
	case err == io.EOF:
		if s.deadline != nil {
			_ = s.deadline(time.Time{}) // the client may wait for its answer as long as it likes
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errSlow
	default:
		err = errCutShort
	}
	return n, err
}

// extend gives the client more time, at most once a second.
func (s *spool) extend(now time.Time) {
	if now.Sub(s.deadlineSetAt) < time.Second {
		return
	}
	s.deadlineSetAt = now
	until := now.Add(bodyIdle)
	if end := s.start.Add(bodyTotal); end.Before(until) {
		until = end
	}
	_ = s.deadline(until) // it fails only if the server has no deadlines
	if s.closed.Load() {
		_ = s.deadline(now) // close may have set it before
	}
}

func (s *spool) readStored(p []byte, off int64) (int, error) {
	if s.notStored.Load() {
		return 0, errNotStored
	}
	p = p[:min(int64(len(p)), s.n-off)]
	if s.file == nil {
		n := s.mem.readAt(p, off)
		return n, s.eofAt(off + int64(n))
	}
	n, err := s.file.ReadAt(p, off)
	if err != nil && !(err == io.EOF && n == len(p)) {
		return n, errNotStored
	}
	return n, s.eofAt(off + int64(n))
}

// eofAt returns io.EOF if off is the body's end, so that the last read returns it.
func (s *spool) eofAt(off int64) error {
	if s.err == io.EOF && off == s.n {
		return io.EOF
	}
	return nil
}

func (s *spool) store(p []byte) {
	s.n += int64(len(p))
	s.received.Store(s.n)
	switch {
	case s.notStored.Load():
	case s.file == nil && s.n <= spoolInMemory:
		s.mem.add(p, s.size)
	default:
		if err := s.toFile(p); err != nil {
			s.notStored.Store(true) // the body is sent once, as it arrives
			s.mem.free()
		}
	}
}

// toFile appends p to the file, after what was in memory so far.
func (s *spool) toFile(p []byte) error {
	if s.file == nil {
		f, err := os.CreateTemp(s.tempDir, "wechat-token-proxy-body-*")
		if err != nil {
			return err
		}
		_ = os.Remove(f.Name()) // so that a crash leaves no file behind
		s.file = f
		if err := s.mem.writeTo(f); err != nil {
			return err
		}
		s.mem.free()
	}
	_, err := s.file.Write(p)
	return err
}

// close frees what the spool uses. It does not wait for a client that is still
// sending. s may be nil.
func (s *spool) close() {
	if s == nil {
		return
	}
	s.closed.Store(true) // first, so that no reader extends the deadline
	if !s.complete.Load() && s.deadline != nil {
		_ = s.deadline(time.Now()) // wakes the reader
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mem.free()
	if s.file != nil {
		_ = s.file.Close() // this deletes it
		s.file = nil
	}
}

// reader reads a spool from its start, for one send. net/http may go on reading
// in its own goroutine after it has returned the answer.
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
