package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
)

// newReverse returns what copies WeChat's answers to the clients. It gets a call
// from the context, and nothing of the client's request: neither the header nor
// the body, which the transport takes from the call itself.
func (p *Proxy) newReverse() *httputil.ReverseProxy {
	none := http.Header{"User-Agent": {""}} // else ReverseProxy sets it, for each call
	return &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.Out.Header = none },
		Transport:    transport{},
		BufferPool:   p.buffers,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { p.fail(w, callOf(r.Context()), err) },
		ErrorLog:     discardLog(),
	}
}

// forward sends a call to WeChat and copies the answer.
func (p *Proxy) forward(c *call) {
	r := c.in.WithContext(withCall(c.in.Context(), c))
	r.Header, r.Trailer, r.TransferEncoding = nil, nil, nil
	r.Body, r.ContentLength = nil, 0
	r.URL = p.nowhere
	p.reverse.ServeHTTP(&c.out, r)
}

// discardLog is for what ReverseProxy would log. The proxy's own line has it.
func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// buffers is a pool of memory for answers that are copied and request bodies that
// are stored. A nil pool allocates.
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

// fail answers a call that ended with err.
func (p *Proxy) fail(w http.ResponseWriter, c *call, err error) {
	if bodyErr := c.body.Err(); bodyErr != nil {
		err = bodyErr // the cause of any other error
	}
	var failure *wechat.Failure
	canceled := errors.As(err, &failure) && failure.Kind == wechat.Canceled
	if !isBodyError(err) && (canceled || c.in.Context().Err() != nil) {
		c.canceled, c.err = true, errCanceled
		panic(http.ErrAbortHandler) // returning would send an implicit 200
	}
	refusal := refusalFor(err)
	if failure != nil && failure.Kind == wechat.BreakerOpen {
		refusal.RetryAfter = c.lastDecision().hosts.RetryAfter(time.Now())
	}
	p.refuse(w, c, refusal)
}

var errCanceled = errors.New("the client closed the connection")

// isBodyError reports an error that the client made in sending its body. It may
// still read the answer.
func isBodyError(err error) bool {
	return errors.Is(err, errSlow) || errors.Is(err, errCutShort) || errors.Is(err, errTooLong)
}

// refuse answers a call with a refusal.
func (p *Proxy) refuse(w http.ResponseWriter, c *call, r *answer.Refusal) {
	c.err = r
	h := w.Header()
	if r.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="wechat-token-proxy"`)
	}
	if c.in.ContentLength != 0 {
		// The server reads the rest of the body before it answers. This limits it.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(5 * time.Second))
	}
	answer.Write(w, r, p.opts.StatusOK)
}

// refusalIn returns the refusal in err's chain, or nil.
func refusalIn(err error) *answer.Refusal {
	if err == nil {
		return nil // the usual case, without an allocation
	}
	var r *answer.Refusal
	errors.As(err, &r)
	return r
}

// refusalFor returns the answer to a call that ended with err.
func refusalFor(err error) *answer.Refusal {
	if r := refusalIn(err); r != nil {
		return r
	}
	var unavailable *token.Unavailable
	var failure *wechat.Failure
	switch {
	case errors.Is(err, errTooLong):
		return &answer.Refusal{Status: http.StatusRequestEntityTooLarge, Message: errTooLong.Error(), Err: err}
	case errors.Is(err, errSlow):
		return &answer.Refusal{Status: http.StatusRequestTimeout, Message: errSlow.Error(), Err: err}
	case errors.Is(err, errCutShort):
		return &answer.Refusal{Status: http.StatusBadRequest, Message: errCutShort.Error(), Err: err}
	case errors.Is(err, errNotStored):
		return &answer.Refusal{Status: http.StatusServiceUnavailable, Kind: "proxy_internal_error", Message: "cannot store the request body: it has no Content-Length, and the disk is full or missing", RetryAfter: time.Second, Err: err}
	case errors.As(err, &unavailable):
		return &answer.Refusal{
			Status: http.StatusServiceUnavailable, Kind: "destination_unavailable",
			Message: fmt.Sprintf("cannot get %s: %v", unavailable.Key, unavailable.Err), RetryAfter: unavailable.RetryAfter, Err: err,
		}
	case errors.As(err, &failure):
		return upstreamRefusal(failure)
	case errors.Is(err, context.DeadlineExceeded):
		return &answer.Refusal{Status: http.StatusGatewayTimeout, Kind: "http_response_timeout", Message: "no answer from WeChat: timed out waiting for the response", Err: err}
	}
	return &answer.Refusal{Status: http.StatusBadGateway, Kind: "proxy_internal_error", Message: "cannot send the call", Err: err}
}

// upstreamRefusal returns the answer to a call that WeChat did not answer. The
// log names the host.
func upstreamRefusal(f *wechat.Failure) *answer.Refusal {
	r := &answer.Refusal{Status: http.StatusBadGateway, Kind: f.ProxyStatus(), Err: f}
	switch {
	case f.Kind == wechat.BreakerOpen:
		r.Status, r.Message = http.StatusServiceUnavailable, "circuit breaker open after repeated failures at WeChat"
	case f.Kind == wechat.Timeout || f.Kind == wechat.Stalled:
		r.Status, r.Message = http.StatusGatewayTimeout, "no answer from WeChat: "+f.Words()
	case f.Connect():
		r.Message = "cannot reach WeChat: " + f.Words()
	default:
		r.Message = "no answer from WeChat: " + f.Words()
	}
	return r
}
