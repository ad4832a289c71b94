package wechat

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// maxPeek bounds the answers that are read before they are passed on: an
// errcode comes in a far shorter one (observed: 68 to 215 bytes), anything
// longer is content.
const maxPeek = 4 << 10

// peeker reads the first bytes of answers.
type peeker struct{ pool sync.Pool }

func newPeeker() *peeker {
	return &peeker{sync.Pool{New: func() any { return new([maxPeek]byte) }}}
}

// peeked is an answer's body that begins with what was read ahead.
type peeked struct {
	pool *sync.Pool     // of buf
	buf  *[maxPeek]byte // nil: closed
	n    int            // bytes in buf
	off  int            // of which were handed on
	rest io.ReadCloser  // nil: buf is all
}

func (p *peeked) Read(b []byte) (int, error) {
	if p.buf == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	if p.off < p.n {
		n := copy(b, p.buf[p.off:p.n])
		p.off += n
		if p.off == p.n && p.rest == nil {
			return n, io.EOF
		}
		return n, nil
	}
	if p.rest == nil {
		return 0, io.EOF
	}
	return p.rest.Read(b)
}

// Close closes the rest of the body and gives the buffer back. Closing again does
// nothing.
func (p *peeked) Close() error {
	if p.buf == nil {
		return nil
	}
	p.pool.Put(p.buf)
	p.buf = nil
	if p.rest == nil {
		return nil
	}
	return p.rest.Close()
}

// peek reads resp's body as far as it must to tell whether it is a short JSON
// object, and finds its errcode. It gives resp a body that begins with the same
// bytes, which is p; everything else is left to stream. whole: all of the body has arrived.
func (k *peeker) peek(resp *http.Response, p *peeked) (a errcode.Answer, found, whole bool, err error) {
	if resp.Body == http.NoBody || resp.ContentLength == 0 {
		return a, false, true, nil
	}
	encoding := encodingOf(resp.Header["Content-Encoding"])
	if resp.Request.Method == http.MethodHead || resp.ContentLength >= maxPeek || encoding == "" {
		return a, false, resp.Request.Method == http.MethodHead, nil
	}
	*p = peeked{pool: &k.pool, buf: k.pool.Get().(*[maxPeek]byte)}
	whole, err = p.fill(resp.Body, encoding)
	body := resp.Body
	if err != nil {
		_ = body.Close() // it is broken
		_ = p.Close()
		return a, false, false, err
	}
	resp.Body = p
	if !whole {
		p.rest = body
		return a, false, false, nil
	}
	_ = body.Close() // read to its end
	if resp.ContentLength < 0 {
		resp.ContentLength = int64(p.n) // known by now: no need for chunks
	}
	if encoding == "gzip" {
		if plain, err := unzip(bytes.NewReader(p.buf[:p.n]), maxPeek); err == nil {
			a, found = errcode.Find(plain)
		}
	} else {
		a, found = errcode.Find(p.buf[:p.n])
	}
	return a, found, true, nil
}

// encodingOf returns "identity", "gzip", or "" for one that cannot be read here.
// Identity is asked for; gateways have been seen to compress all the same.
func encodingOf(fields []string) string {
	found := "identity"
	for _, field := range fields {
		for one := range strings.SplitSeq(field, ",") {
			switch one = strings.ToLower(strings.TrimSpace(one)); {
			case one == "" || one == "identity":
			case (one == "gzip" || one == "x-gzip") && found == "identity":
				found = "gzip"
			default:
				return ""
			}
		}
	}
	return found
}

// fill reads body until its end, until the buffer is full, or until it cannot
// be a JSON object any more. whole: the end was reached, in less than the buffer.
func (p *peeked) fill(body io.Reader, encoding string) (whole bool, err error) {
	for p.n < len(p.buf) {
		n, err := body.Read(p.buf[p.n:])
		p.n += n
		if err == io.EOF {
			return p.n < len(p.buf), nil
		}
		if err != nil {
			return false, err
		}
		if encoding == "identity" && !mayBeObject(p.buf[:p.n]) {
			return false, nil
		}
	}
	return false, nil
}

// mayBeObject reports whether start, or more of it, may begin a JSON object.
func mayBeObject(start []byte) bool {
	const bom = "\xef\xbb\xbf"
	if len(start) < len(bom) && strings.HasPrefix(bom, string(start)) {
		return true
	}
	start = bytes.TrimLeft(bytes.TrimPrefix(start, []byte(bom)), " \t\r\n")
	return len(start) == 0 || start[0] == '{'
}

// unzip unpacks less than most bytes.
func unzip(r io.Reader, most int) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	z.Multistream(false) // what stands behind is not looked at
	return readLess(z, most)
}

// ReadPlain reads an answer of less than most bytes, and unpacks it where it is
// compressed although nobody asked for that. The error is a *[Failure] where the
// body broke off, or [ErrTooLong].
func ReadPlain(a Answer, most int) ([]byte, error) {
	if encodingOf(a.Header["Content-Encoding"]) == "gzip" {
		return unzip(a.Body, most)
	}
	return readLess(a.Body, most)
}

// ErrTooLong is the error of an answer that is longer than its reader wants.
var ErrTooLong = errors.New("response too long")

func readLess(r io.Reader, most int) ([]byte, error) {
	doc, err := io.ReadAll(io.LimitReader(r, int64(most)))
	if err == nil && len(doc) == most {
		err = ErrTooLong
	}
	return doc, err
}
