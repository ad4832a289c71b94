// Package proxy is a request's journey: a plain WeChat API call comes in, the
// account's credential is put into it, WeChat's answer goes back. A call whose
// token WeChat refused is repeated with another.
//
// Map, in the order of a call's way:
//
//	proxy.go      the Proxy: settings, and ServeHTTP as a table of contents
//	decision.go   who calls, for which account, may they: the decision on a call
//	frontdoor.go  which host name a call used; what is not served at all
//	path.go       the path, read in the one way it can be read
//	query.go      the query, likewise
//	caller.go     whose key it is
//	account.go    the accounts, and which one a call means
//	route.go      which path gets which credential
//	call.go       one call: its decision and its outcome
//	local.go      what is answered here: tokens, tickets, wx.config
//	forward.go    httputil.ReverseProxy around the rest
//	headers.go    which headers go on, and what is taken out of the answer's
//	spool.go      a request body that can be sent again, in memory or a file
//	blocks.go     the memory it is kept in
//	upload.go     the same as package wechat takes it
//	journey.go    put the credential in, send, and repeat with another
//	failure.go    what went wrong, as an answer
//	observe.go    one record and one log line for each call
//
// access decides who may do what, answer says no, emulate knows the endpoints
// that are answered here, admin is the operator's page; none of them knows this
// package or another. The road to WeChat is package wechat.
package proxy

import (
	"log"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
)

// Options are the settings of a [Proxy].
type Options struct {
	// Logger gets one line per call. If nil, nobody does.
	Logger *slog.Logger
	// OnCall is told of every finished call. It must not block. If nil, nobody is.
	OnCall func(Record)
	// MaxBody is the longest request body in bytes. If zero, 32 MiB.
	MaxBody int64
	// StatusOK answers the proxy's own refusals with HTTP 200
	// (PROXY_ERROR_STATUS=ok).
	StatusOK bool
	// RealTokens gives the real token to clients that ask for one
	// (PROXY_TOKEN_DISCLOSURE=real) in place of a placeholder.
	RealTokens bool
	// JSSDKHosts are the hosts wx.config is signed for; empty: any.
	JSSDKHosts []string
	// TempDir is where long request bodies are kept, in files without a name.
	// If empty, the system's.
	TempDir string
}

// Proxy serves clients. It is an http.Handler, safe for concurrent use.
// Before the first [Proxy.Use] it serves no account.
type Proxy struct {
	opts      Options
	hostname  string
	directory atomic.Pointer[Directory]
	buffers   *buffers
	silent    *log.Logger
	local     *mux.Router // what is answered here
	inFlight  atomic.Int64
	sampler   sampler
}

// New returns a Proxy that serves nobody yet.
func New(o Options) *Proxy {
	if o.MaxBody <= 0 {
		o.MaxBody = 32 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Proxy{opts: o}
	p.hostname, _ = os.Hostname() // unknown: then it is no address of ours
	p.buffers, p.silent = newBuffers(), silence()
	p.local = p.newLocal()
	p.directory.Store(emptyDirectory())
	return p
}

// Use serves from d from now on. Calls in flight end with the directory they
// began with.
func (p *Proxy) Use(d *Directory) { p.directory.Store(d) }

// InFlight returns how many calls are being served.
func (p *Proxy) InFlight() int { return int(p.inFlight.Load()) }

// ServeHTTP serves one call of a client.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.inFlight.Add(1)
	defer p.inFlight.Add(-1)

	c := &call{start: time.Now(), in: r, dir: p.directory.Load()}
	c.id, c.traceparent = requestID(r), traceparent(r)
	out := &observed{ResponseWriter: w, call: c}
	defer p.observe(c, out)

	var refusal *answer.Refusal
	if c.decision, refusal = p.receive(r, c.dir, c.start); refusal != nil {
		p.refuse(out, c, refusal)
		return
	}
	if c.route.own {
		p.local.ServeHTTP(out, localRequest(r.WithContext(withCall(r.Context(), c)), c.path))
		return
	}
	c.body = p.newSpool(w, r, p.opts.MaxBody)
	p.forward(out, r, c)
}
