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
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
)

// forward sends c on its journey. ReverseProxy copies headers and bodies, both
// ways, by the rules of HTTP. Each call has one of its own: that is a few words,
// and cheaper than another copy of the request with the call in its context.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, c *call) {
	around := httputil.ReverseProxy{
		Rewrite:      rewrite,
		Transport:    &journey{c: c},
		BufferPool:   p.buffers,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { p.failed(w, c, err) },
		ErrorLog:     p.silent,
	}
	around.ServeHTTP(w, r)
}

// silence is a log for what ReverseProxy would say: observe says it.
func silence() *log.Logger { return log.New(io.Discard, "", 0) }

// rewrite leaves of the client's headers what goes on. The rest of the request
// is the journey's.
func rewrite(r *httputil.ProxyRequest) {
	filterHeaders(r.Out.Header)
	r.Out.Trailer = nil
	r.Out.TransferEncoding = nil
	r.Out.Close = false
}

// failed answers where the journey brought no answer.
func (p *Proxy) failed(w http.ResponseWriter, c *call, err error) {
	if c.body.failed() != nil {
		err = c.body.failed() // whatever came of that
	}
	var road *wechat.Failure
	canceled := errors.As(err, &road) && road.Kind == wechat.Canceled
	if !clientsBody(err) && (canceled || c.in.Context().Err() != nil) {
		c.gone, c.err = true, errGone
		panic(http.ErrAbortHandler) // returning would send an implicit 200
	}
	refusal := refusalOf(err)
	if road != nil && road.Kind == wechat.BreakerOpen {
		refusal.RetryAfter = c.hosts.RetryAfter(time.Now())
	}
	p.refuse(w, c, refusal)
}

var errGone = errors.New("the client closed the connection")

// clientsBody reports an error of the body that the client is told.
func clientsBody(err error) bool {
	return errors.Is(err, errSlow) || errors.Is(err, errCutShort) || errors.Is(err, errTooLong)
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

// buffers is a pool of what answers are copied through, and bodies kept in. A
// nil one keeps nothing.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if b == nil {
		return make([]byte, bufferSize)
	}
	return b.pool.Get().(*[bufferSize]byte)[:]
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(p []byte) {
	if b != nil {
		b.pool.Put((*[bufferSize]byte)(p))
	}
}
