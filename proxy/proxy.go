// Package proxy serves clients: it takes a plain WeChat API call, adds the
// account's credential, sends it to WeChat and returns WeChat's answer. If WeChat
// rejects the token, the call is repeated with another one.
//
// Map, in the order of a call:
//
//	proxy.go      Proxy, its Options and ServeHTTP; the state of one call
//	decision.go   what is known about a call, and whether it is allowed
//	identify.go   who makes it
//	hostname.go   the host name that the client used; calls from browsers
//	target.go     the path and the query, read strictly
//	route.go      which path gets which credential, and the class of a path
//	account.go    the accounts, and which of them a call is for
//	local.go      what the proxy answers itself: tokens, tickets, wx.config
//	spool.go      a request body that can be sent several times
//	blocks.go     its memory
//	forward.go    httputil.ReverseProxy, its buffers, and the answer if it fails
//	headers.go    which headers go to WeChat, and what is removed from its answer
//	transport.go  add the credential, send, and repeat with another one
//	observe.go    the record and the log line of a call
//
// Package access decides who may do what, answer writes refusals, emulate knows
// the endpoints that are answered locally, and admin is the operator's page. None
// of them imports this package or another of them. Package wechat sends the calls.
package proxy

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
)

// Options are the settings of a [Proxy]. The zero value is valid.
type Options struct {
	// Logger gets one line for each call. If nil, nothing is logged.
	Logger *slog.Logger
	// OnCall is called with the record of each finished call. It must not block.
	// It may be nil.
	OnCall func(Record)
	// MaxBody is the longest request body in bytes. If zero, 32 MiB.
	MaxBody int64
	// StatusOK makes the proxy send its refusals with HTTP status 200
	// (PROXY_ERROR_STATUS=ok).
	StatusOK bool
	// RealTokens makes the proxy answer a request for a token with the real token
	// instead of a placeholder (PROXY_TOKEN_DISCLOSURE=real).
	RealTokens bool
	// JSSDKHosts are the hosts whose pages get signatures for wx.config. If empty,
	// all do.
	JSSDKHosts []string
	// TempDir is the directory for long request bodies, in files that have no name.
	// If empty, the system's default.
	TempDir string
}

// Proxy is an http.Handler for clients. It is safe for concurrent use. Before the
// first call of [Proxy.Use] it has no accounts.
type Proxy struct {
	opts      Options
	hostname  string // "" if unknown
	directory atomic.Pointer[Directory]
	buffers   *buffers
	reverse   *httputil.ReverseProxy
	nowhere   *url.URL    // for ReverseProxy, which wants some URL and never uses it
	local     *mux.Router // what the proxy answers itself
	inFlight  atomic.Int64
	sampler   sampler
}

// New returns a Proxy without accounts.
func New(o Options) *Proxy {
	if o.MaxBody <= 0 {
		o.MaxBody = 32 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Proxy{opts: o}
	p.hostname, _ = os.Hostname()
	p.buffers, p.nowhere = newBuffers(), &url.URL{}
	p.reverse = p.newReverse()
	p.local = p.newLocal()
	p.directory.Store(emptyDirectory())
	return p
}

// Use makes the proxy serve from d. Calls in flight keep the directory that they
// started with.
func (p *Proxy) Use(d *Directory) { p.directory.Store(d) }

// InFlight returns the number of calls that are being served.
func (p *Proxy) InFlight() int { return int(p.inFlight.Load()) }

// ServeHTTP serves one call.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.inFlight.Add(1)
	defer p.inFlight.Add(-1)

	c := &call{start: time.Now(), in: r, dir: p.directory.Load()}
	c.id, c.traceparent = requestID(r), traceparent(r)
	c.out = responseWriter{ResponseWriter: w, call: c}
	out := &c.out
	defer p.observe(c, out)

	var refusal *answer.Refusal
	if c.decision, refusal = p.decide(r, c.dir, c.start); refusal != nil {
		p.refuse(out, c, refusal)
		return
	}
	if c.route.own {
		p.local.ServeHTTP(out, localRequest(r.WithContext(withCall(r.Context(), c)), c.path))
		return
	}
	c.body = p.newSpool(w, r, c.bodyRule)
	p.forward(c)
}

// call is the state of one client's call.
type call struct {
	in          *http.Request
	dir         *Directory
	id          string // X-Request-Id
	traceparent string // W3C, "" if there is no valid one
	start       time.Time
	decision
	tokenDecision *decision // a token endpoint's own; nil for other calls
	body          *spool    // nil: none
	out           responseWriter
	sent          wechat.Call
	outcome
}

// lastDecision returns the decision with all that is known about a call.
func (c *call) lastDecision() *decision {
	if c.tokenDecision != nil {
		return c.tokenDecision
	}
	return &c.decision
}

// outcome is what a call's record and log line are made of.
type outcome struct {
	errcode  int           // WeChat's, 0 if none
	rid      string        // WeChat's, "" if none
	host     string        // WeChat's host that answered
	sends    int           // requests sent to WeChat
	renewed  bool          // WeChat rejected the token, and the call was repeated
	atWeChat time.Duration // from sending to the header of the answer, all sends
	waited   time.Duration // for a credential
	bytesIn  int64
	err      error
	canceled bool // the client closed the connection
}

// callKey is the context key of a call that is answered locally.
type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}
