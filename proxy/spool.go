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

// Bounds of a request body.
const (
	spoolInMemory = 1 << 20          // what is kept in memory; the rest goes to a file
	bodyIdle      = 30 * time.Second // without progress
	bodyTotal     = 5 * time.Minute
)

// Errors of a body that its client is to blame for, or the disk.
var (
	errTooLong  = errors.New("the body is too long")
	errSlow     = errors.New("the body came too slowly")
	errCutShort = errors.New("the body broke off")
	errKeep     = errors.New("the body could not be kept")
	errClosed   = errors.New("the body is closed")
)

// spool is a request body on its way up: what has come of it is kept, so that
// it can be sent again, also while its end is still to come. Up to 1 MiB is
// kept in memory, more in a file without a name.
type spool struct {
	src     io.Reader // the client's body
	size    int64     // -1: unknown
	max     int64
	tempDir string
	begun   time.Time
	// deadline sets until when the client has to send more; nil: it cannot be set.
	deadline func(time.Time) error

	// What others may ask while a reader waits for the client.
	received atomic.Int64
	fault    atomic.Pointer[error] // of the client's side
	whole    atomic.Bool           // all of it has come
	lost     atomic.Bool           // it could not be kept: it goes up once, as it comes

	mu     sync.Mutex // held while the client is waited for: one reader at a time is as it should be
	mem    []byte
	file   *os.File
	n      int64 // kept so far
	err    error // of src, io.EOF at its end
	closed bool
}

// newSpool returns the spool of a server's request, nil where that has no body.
func newSpool(w http.ResponseWriter, r *http.Request, max int64, tempDir string) *spool {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	control := http.NewResponseController(w)
	return &spool{src: r.Body, size: r.ContentLength, max: max, tempDir: tempDir, begun: time.Now(), deadline: control.SetReadDeadline}
}

// readAll takes in the whole body, so that its length is known.
func (s *spool) readAll() error {
	buf := make([]byte, 32<<10)
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
		if s.lost.Load() {
			return errKeep
		}
	}
}

// repeatable reports whether the body can be sent once more.
func (s *spool) repeatable() bool { return s == nil || !s.lost.Load() }

// failed returns what went wrong on the client's side, nil if nothing did.
func (s *spool) failed() error {
	if s == nil || s.fault.Load() == nil {
		return nil
	}
	return *s.fault.Load()
}

// readAt reads from off, which is not beyond what was read before: from what
// is kept, then from the client.
func (s *spool) readAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return 0, errClosed
	case off < s.n:
		return s.kept(p, off)
	case s.err != nil:
		return 0, s.err
	}
	n, err := s.receive(p)
	if n > 0 {
		s.keep(p[:n])
	}
	s.end(err)
	if n > 0 && err != io.EOF {
		err = nil // the error comes with the next read
	}
	return n, err
}

func (s *spool) end(err error) {
	if s.err = err; err == io.EOF {
		s.whole.Store(true)
	} else if err != nil {
		s.fault.Store(&err)
	}
}

// receive reads from the client, within the body's bounds.
func (s *spool) receive(p []byte) (int, error) {
	if s.deadline != nil {
		until := time.Now().Add(bodyIdle)
		if end := s.begun.Add(bodyTotal); end.Before(until) {
			until = end
		}
		_ = s.deadline(until) // where it cannot be set there is none
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
		return n, nil
	case err == io.EOF:
		if s.deadline != nil {
			_ = s.deadline(time.Time{}) // it would take the waiting client for a slow one
		}
		return n, io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, errSlow
	default:
		return n, errCutShort
	}
}

func (s *spool) kept(p []byte, off int64) (int, error) {
	if s.lost.Load() {
		return 0, errKeep
	}
	p = p[:min(int64(len(p)), s.n-off)]
	if s.file == nil {
		n := copy(p, s.mem[off:])
		return n, s.endAt(off + int64(n))
	}
	n, err := s.file.ReadAt(p, off)
	if err != nil && !(err == io.EOF && n == len(p)) {
		return n, errKeep
	}
	return n, s.endAt(off + int64(n))
}

// endAt is io.EOF where off is the body's end, so that its last read says so.
func (s *spool) endAt(off int64) error {
	if s.err == io.EOF && off == s.n {
		return io.EOF
	}
	return nil
}

func (s *spool) keep(p []byte) {
	s.n += int64(len(p))
	s.received.Store(s.n)
	switch {
	case s.lost.Load():
	case s.file == nil && s.n <= spoolInMemory:
		if s.mem == nil && s.size > 0 {
			s.mem = make([]byte, 0, min(s.size, 64<<10)) // not all that a client promises
		}
		s.mem = append(s.mem, p...)
	case s.file == nil:
		s.toFile(p)
	default:
		s.write(p)
	}
}

func (s *spool) toFile(p []byte) {
	f, err := os.CreateTemp(s.tempDir, "wechat-token-proxy-body-*")
	if err != nil {
		s.lose()
		return
	}
	_ = os.Remove(f.Name()) // whatever happens to us, nothing stays behind
	s.file = f
	if s.write(s.mem); !s.lost.Load() {
		s.write(p)
	}
	s.mem = nil
}

func (s *spool) write(p []byte) {
	if _, err := s.file.Write(p); err != nil {
		s.lose()
	}
}

func (s *spool) lose() {
	s.lost.Store(true)
	s.mem = nil
}

// close gives back what the spool holds. A client that is still sending is
// not waited for.
func (s *spool) close() {
	if s == nil {
		return
	}
	if !s.whole.Load() && s.deadline != nil {
		_ = s.deadline(time.Now()) // wakes the reader
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.mem = true, nil
	if s.file != nil {
		_ = s.file.Close() // it has no name any more
		s.file = nil
	}
}

// reader is the spool's bytes from the start, for one send. Reading goes on
// behind a response that came early, in net/http's own goroutine.
type reader struct {
	s      *spool
	off    int64
	moving func()    // called after each read that brought something
	ended  func()    // called at the end
	once   sync.Once // for ended
	mu     sync.Mutex
	closed bool
}

func (r *reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	closed := r.closed
	r.mu.Unlock()
	if closed {
		return 0, errClosed
	}
	n, err := r.s.readAt(p, r.off)
	r.off += int64(n)
	if n > 0 && r.moving != nil {
		r.moving()
	}
	if err == io.EOF && r.ended != nil {
		r.once.Do(r.ended)
	}
	return n, err
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}
