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
	errTooLong  = errors.New("the request body is too long")
	errSlow     = errors.New("the request body arrived too slowly")
	errCutShort = errors.New("the request body is incomplete")
	errNotKept  = errors.New("cannot store the request body")
	errClosed   = errors.New("the request body is closed")
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
	granted time.Time // when deadline was set last
	// deadline sets until when the client has to send more; nil: it cannot be set.
	deadline func(time.Time) error

	// What others may ask while a reader waits for the client.
	received atomic.Int64
	fault    atomic.Pointer[error] // of the client's side
	whole    atomic.Bool           // all of it has come
	lost     atomic.Bool           // it could not be stored: it goes up once, as it comes

	mu     sync.Mutex // held while the client is waited for: one reader at a time is as it should be
	mem    blocks
	file   *os.File
	n      int64 // kept so far
	err    error // of src, io.EOF at its end
	closed bool
}

// newSpool returns the spool of a server's request, nil where that has no body.
func (p *Proxy) newSpool(w http.ResponseWriter, r *http.Request, max int64) *spool {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	control := http.NewResponseController(w)
	return &spool{src: r.Body, size: r.ContentLength, max: max, tempDir: p.opts.TempDir, begun: time.Now(), deadline: control.SetReadDeadline, mem: blocks{pool: p.buffers}}
}

// readAll takes in the whole body, so that its length is known.
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
			s.mem.shrink()
			return nil
		}
		if err != nil {
			return err
		}
		if s.lost.Load() {
			return errNotKept
		}
	}
}

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
		return s.stored(p, off)
	case s.err != nil:
		return 0, s.err
	}
	n, err := s.receive(p)
	if n > 0 {
		s.store(p[:n])
	}
	s.end(err)
	if n > 0 && err != io.EOF {
		err = nil // the error comes with the next read
	}
	return n, err
}

func (s *spool) end(err error) {
	s.err = err
	switch err {
	case nil:
	case io.EOF:
		s.whole.Store(true)
	default:
		fault := err // a variable of its own: good reads allocate none
		s.fault.Store(&fault)
	}
}

// receive reads from the client, within the body's bounds.
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

// extend gives the client more time: but not at every read, a second more or
// less does not matter to anybody.
func (s *spool) extend(now time.Time) {
	if now.Sub(s.granted) < time.Second {
		return
	}
	s.granted = now
	until := now.Add(bodyIdle)
	if end := s.begun.Add(bodyTotal); end.Before(until) {
		until = end
	}
	_ = s.deadline(until) // where it cannot be set there is none
}

func (s *spool) stored(p []byte, off int64) (int, error) {
	if s.lost.Load() {
		return 0, errNotKept
	}
	p = p[:min(int64(len(p)), s.n-off)]
	if s.file == nil {
		n := s.mem.readAt(p, off)
		return n, s.endAt(off + int64(n))
	}
	n, err := s.file.ReadAt(p, off)
	if err != nil && !(err == io.EOF && n == len(p)) {
		return n, errNotKept
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

func (s *spool) store(p []byte) {
	s.n += int64(len(p))
	s.received.Store(s.n)
	switch {
	case s.lost.Load():
	case s.file == nil && s.n <= spoolInMemory:
		s.mem.add(p, s.size)
	case s.file == nil:
		s.toFile(p)
	default:
		s.write(p)
	}
}

func (s *spool) toFile(p []byte) {
	f, err := os.CreateTemp(s.tempDir, "wechat-token-proxy-body-*")
	if err != nil {
		s.giveUp()
		return
	}
	_ = os.Remove(f.Name()) // whatever happens to us, nothing stays behind
	s.file = f
	if err := s.mem.writeTo(f); err != nil {
		s.giveUp()
		return
	}
	s.mem.free()
	s.write(p)
}

func (s *spool) write(p []byte) {
	if _, err := s.file.Write(p); err != nil {
		s.giveUp()
	}
}

// giveUp ends the storing: the body goes up once, as it comes.
func (s *spool) giveUp() {
	s.lost.Store(true)
	s.mem.free()
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
	s.closed = true
	s.mem.free()
	if s.file != nil {
		_ = s.file.Close() // it has no name any more
		s.file = nil
	}
}
