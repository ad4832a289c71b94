package wechattest

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

// deliver sends the answer as the call's trouble changes it.
func (s *Server) deliver(w http.ResponseWriter, q *request, a answer) {
	t := q.trouble
	if t.Kind == Hang {
		s.wait(q.r, -1)
		hangUp(w, true)
		return
	}
	if t.Kind != Slow && !s.wait(q.r, t.Delay) {
		hangUp(w, true)
		return
	}
	if t.Kind == Reset {
		hangUp(w, true)
		return
	}
	var body io.Reader = bytes.NewReader(a.body)
	size := int64(len(a.body))
	if a.file != nil {
		body, size = a.file, a.size
	}
	if t.Kind == Broken {
		body, size = io.LimitReader(body, size/2), size/2
	}
	h := w.Header()
	h.Set("Date", httpDate(q.now))
	if a.ctype != "" {
		h.Set("Content-Type", a.ctype)
	} else {
		h["Content-Type"] = nil // keeps net/http from guessing one
	}
	for _, kv := range a.header {
		h.Add(kv[0], kv[1])
	}
	if t.Kind != Chunked {
		h.Set("Content-Length", strconv.FormatInt(size, 10))
	}
	w.WriteHeader(a.status)
	flush := http.NewResponseController(w).Flush
	switch t.Kind {
	case Chunked:
		_ = flush()
		_, _ = io.Copy(w, body)
	case Cut:
		_, _ = io.CopyN(w, body, size/2)
		_ = flush()
		hangUp(w, false)
	case Slow:
		for left := size; left > 0; {
			_ = flush()
			if !s.wait(q.r, t.Delay) {
				return
			}
			n := min(left, size/8+1)
			if _, err := io.CopyN(w, body, n); err != nil {
				return
			}
			left -= n
		}
	default:
		_, _ = io.Copy(w, body)
	}
}

// wait waits for d, or for ever if d is negative. It reports false if the client
// hung up or the server was closed meanwhile.
func (s *Server) wait(r *http.Request, d time.Duration) bool {
	if d == 0 {
		return true
	}
	var over <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-over:
		return true
	case <-r.Context().Done():
		return false
	case <-s.done:
		return false
	}
}

// hangUp ends the connection, with a RST or without one.
func hangUp(w http.ResponseWriter, reset bool) {
	if p, ok := w.(*pipeWriter); ok {
		err := error(&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)})
		if !reset {
			err = io.ErrUnexpectedEOF
		}
		p.abort(err)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway) // no effect once a header was sent, as for Cut
		return
	}
	raw := conn
	if t, ok := raw.(*tls.Conn); ok {
		raw = t.NetConn()
	}
	if t, ok := raw.(*net.TCPConn); ok && reset {
		_ = t.SetLinger(0)
	}
	_ = raw.Close()
}
