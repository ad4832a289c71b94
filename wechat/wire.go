package wechat

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"
)

// wire is the connection under TLS, or the only one. It knows what net/http and
// crypto/tls do not tell: whether anything has arrived, and whether a TLS record
// has come in part.
type wire struct {
	net.Conn
	probe
	under *wire // in a tunnel that is TLS itself: the one outside; else nil

	records bool    // TLS is spoken over it
	header  [5]byte // of the present record, as far as it has come
	have    int     // bytes of header
	left    int     // bytes of the record's body that are still to come
}

func newWire(c net.Conn, under *wire) *wire {
	w := &wire{Conn: c, under: under}
	if under == nil {
		w.probe = newProbe(c)
	}
	return w
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if w.records {
		w.follow(p[:n])
	}
	return n, err
}

// follow notes where in its records TLS is: five bytes of header, of which the
// last two are the length (RFC 8446, section 5.1).
func (w *wire) follow(p []byte) {
	for len(p) > 0 {
		if w.left > 0 {
			n := min(w.left, len(p))
			w.left -= n
			p = p[n:]
			continue
		}
		n := copy(w.header[w.have:], p)
		w.have += n
		p = p[n:]
		if w.have == len(w.header) {
			w.have, w.left = 0, int(w.header[3])<<8|int(w.header[4])
		}
	}
}

// midRecord reports whether a TLS record has come in part.
func (w *wire) midRecord() bool {
	for ; w != nil; w = w.under {
		if w.have > 0 || w.left > 0 {
			return true
		}
	}
	return false
}

// silent reports whether nothing has arrived on an idle connection that nobody has
// read yet: not in the kernel, not as decrypted bytes, not as a part of a record.
// over is what is spoken over w: w itself, or TLS.
func (w *wire) silent(over net.Conn) bool {
	bottom := w
	for bottom.under != nil {
		bottom = bottom.under
	}
	if !bottom.probe.silent() {
		return false
	}
	if _, secure := over.(*tls.Conn); !secure && w.under == nil {
		return true
	}
	// A read whose deadline has passed gets what TLS holds, and nothing else.
	_ = over.SetReadDeadline(time.Unix(1, 0)) // a closed connection says so at once
	var one [1]byte
	n, err := over.Read(one[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && !w.midRecord()
}
