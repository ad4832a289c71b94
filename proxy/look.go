package proxy

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// maxLook bounds the answers that are looked at: an errcode comes in one far
// shorter (observed: 68 to 215 bytes), anything longer is content.
const maxLook = 4 << 10

// looked is the body of an answer that begins with what was looked at.
type looked struct {
	pool *sync.Pool
	buf  [maxLook]byte
	n    int           // bytes of buf
	off  int           // of which were read
	rest io.ReadCloser // nil: buf is all
}

func (l *looked) Read(p []byte) (int, error) {
	if l.off < l.n {
		n := copy(p, l.buf[l.off:l.n])
		l.off += n
		if l.off == l.n && l.rest == nil {
			return n, io.EOF
		}
		return n, nil
	}
	if l.rest == nil {
		return 0, io.EOF
	}
	return l.rest.Read(p)
}

// Close closes what is behind the buffer, and gives that back.
func (l *looked) Close() error {
	if l.pool == nil {
		return nil
	}
	pool, rest := l.pool, l.rest
	*l = looked{}
	pool.Put(l)
	if rest == nil {
		return nil
	}
	return rest.Close()
}

// looker looks at the first bytes of answers.
type looker struct{ pool sync.Pool }

func newLooker() *looker {
	return &looker{sync.Pool{New: func() any { return new(looked) }}}
}

// look reads resp's body as far as it has to, to tell whether it is a short
// JSON object, and finds its errcode. It puts a body in resp that begins with
// the same bytes. Everything else is left to stream.
func (k *looker) look(resp *http.Response) (a errcode.Answer, found bool, err error) {
	if !worthALook(resp) {
		return a, false, nil
	}
	l := k.pool.Get().(*looked)
	l.pool = &k.pool
	whole, err := l.fill(resp.Body)
	if err != nil {
		_ = resp.Body.Close() // broken anyway
		_ = l.Close()
		return a, false, err
	}
	body := resp.Body
	resp.Body = l
	if !whole {
		l.rest = body
		return a, false, nil
	}
	_ = body.Close() // read to its end
	if resp.ContentLength < 0 {
		resp.ContentLength = int64(l.n) // known by now: no reason for chunks
	}
	a, found = errcode.Find(l.buf[:l.n])
	return a, found, nil
}

// worthALook reports whether resp may be a short JSON object in plain.
func worthALook(resp *http.Response) bool {
	return resp.Body != nil && resp.Body != http.NoBody && resp.ContentLength < maxLook && resp.ContentLength != 0 &&
		resp.Request.Method != http.MethodHead && isPlain(resp.Header["Content-Encoding"])
}

func isPlain(encodings []string) bool {
	return len(encodings) == 0 || encodings[0] == "" || strings.EqualFold(encodings[0], "identity")
}

// fill reads body into the buffer until its end, until the buffer is full, or
// until it cannot be a JSON object any more. whole: body's end was reached, in
// less than the buffer.
func (l *looked) fill(body io.Reader) (whole bool, err error) {
	for l.n < len(l.buf) {
		n, err := body.Read(l.buf[l.n:])
		l.n += n
		if err == io.EOF {
			return l.n < len(l.buf), nil
		}
		if err != nil {
			return false, err
		}
		if !mayBeObject(l.buf[:l.n]) {
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
