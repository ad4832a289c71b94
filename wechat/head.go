package wechat

import (
	"net/http"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// heads composes requests in memory that is used again.
type heads struct{ pool sync.Pool }

func newHeads() *heads {
	return &heads{sync.Pool{New: func() any {
		b := make([]byte, 0, 2<<10)
		return &b
	}}}
}

// maxKept bounds the memory that is used again, in bytes.
const maxKept = 64 << 10

func (k *heads) put(b *[]byte) {
	if cap(*b) <= maxKept {
		k.pool.Put(b)
	}
}

// compose returns the whole request, to be sent in one write.
func (k *heads) compose(h *host, s *sending) (*[]byte, error) {
	p := k.pool.Get().(*[]byte)
	b, err := appendRequest((*p)[:0], h, s.Call)
	*p = b
	if err != nil {
		k.put(p)
		return nil, err
	}
	return p, nil
}

// writable reports whether c's head can be written.
func (k *heads) writable(h *host, c *Call) bool {
	p := k.pool.Get().(*[]byte)
	defer k.put(p)
	b, err := appendHead((*p)[:0], h, c)
	*p = b
	return err == nil
}

// appendRequest appends c, as h gets it, to b.
func appendRequest(b []byte, h *host, c *Call) ([]byte, error) {
	b, err := appendHead(b, h, c)
	if err == nil && c.Body != nil && c.Body.Size() > 0 {
		b = c.Body.AppendTo(slices.Grow(b, int(c.Body.Size())))
	}
	return b, err
}

// appendHead appends c's request line and header. What could end a line early is an
// error: path, query and header are the client's.
func appendHead(b []byte, h *host, c *Call) ([]byte, error) {
	b = append(b, c.Method...)
	b = append(b, ' ')
	start := len(b)
	b = append(b, h.target...)
	b = append(b, c.Path...)
	if c.Query != "" {
		b = append(b, '?')
		b = append(b, c.Query...)
	}
	if !fitsALine(b[start:]) || !httpguts.ValidHeaderFieldName(c.Method) {
		return b, &Failure{Kind: Malformed}
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, h.authority...)
	b = append(b, "\r\n"...)
	for name, values := range c.Header {
		if name == "User-Agent" && len(values) == 1 && values[0] == "" {
			continue // which is how net/http says that there is none
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
				return b, &Failure{Kind: Malformed}
			}
			b = appendField(b, name, value)
		}
	}
	if h.egressAuth != "" {
		b = appendField(b, "Proxy-Authorization", h.egressAuth)
	}
	if c.Method == http.MethodHead {
		b = appendField(b, "Connection", "close")
	}
	length := int64(0)
	if c.Body != nil {
		length = c.Body.Size()
	}
	if length > 0 || c.Method == http.MethodPost || c.Method == http.MethodPut || c.Method == http.MethodPatch {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, length, 10)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...), nil
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// fitsALine reports whether a request's target holds neither white space nor a
// control character.
func fitsALine(target []byte) bool {
	for _, c := range target {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
