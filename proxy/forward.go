package proxy

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
)

// newForward returns the ReverseProxy around the journey: it copies headers and
// bodies, both ways, by the rules of HTTP.
func (p *Proxy) newForward() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:      p.rewrite,
		Transport:    journey{newLooker()},
		BufferPool:   newBuffers(),
		ErrorHandler: p.forwardFailed,
		ErrorLog:     log.New(io.Discard, "", 0), // what it would say, observe says
	}
}

// rewrite leaves of the client's headers what goes on. The rest of the request
// is the journey's.
func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	filterHeaders(r.Out.Header)
	r.Out.Trailer = nil
	r.Out.TransferEncoding = nil
	r.Out.Close = false
}

// forwardFailed answers where the journey brought no answer.
func (p *Proxy) forwardFailed(w http.ResponseWriter, r *http.Request, err error) {
	c := callOf(r.Context())
	if errors.Is(err, errGone) || r.Context().Err() != nil {
		c.gone, c.err = true, errGone
		return // there is nobody to answer
	}
	if errors.Is(err, errAllOpen) {
		p.refuse(w, c, allOpen(c.upstream.retryAfter(time.Now())))
		return
	}
	p.refuse(w, c, refusalOf(err))
}

// refuse answers a call ourselves.
func (p *Proxy) refuse(w http.ResponseWriter, c *call, r *answer.Refusal) {
	c.err = r
	h := w.Header()
	if r.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="wechat-token-proxy"`)
	}
	if c.in.ContentLength != 0 {
		// What is left of the body is read before the next call, but not for long.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(5 * time.Second))
	}
	answer.Write(w, r, p.opts.StatusOK)
}

// buffers is a pool of what answers are copied through.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

func (b *buffers) Get() []byte  { return b.pool.Get().(*[bufferSize]byte)[:] }
func (b *buffers) Put(p []byte) { b.pool.Put((*[bufferSize]byte)(p)) }
