package proxy

import (
	"context"
	"net/http"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// call is one client's call on its way. The front half (who, which account,
// which path) fills it in, the back half (body, token, upstream, answer) reads
// that and adds what came of it.
type call struct {
	in          *http.Request
	dir         *Directory
	id          string // X-Request-Id
	traceparent string // W3C, "" without a valid one
	start       time.Time

	client   *access.Client   // nil: nobody, or nobody yet
	account  *Account         // nil: none is needed, or none yet
	platform errcode.Platform // whose API is called
	upstream *Upstream
	method   string
	door     errcode.Platform // whose name the call came under; "": our own
	target   target
	path     string // target.path, see there
	raw      string // target.raw
	query    query
	route    route
	body     *spool // nil: none

	outcome
}

// outcome is what came of a call, for observe.
type outcome struct {
	errcode  int           // WeChat's, 0 without
	rid      string        // WeChat's rid, "" without
	host     string        // the upstream host that answered
	sends    int           // requests sent to WeChat
	renewed  bool          // the token was refused and the call repeated
	moved    bool          // the access point was retired, and the call sent to another
	atWeChat time.Duration // from sending to WeChat's header, all sends
	waited   time.Duration // for a credential
	bytesIn  int64
	err      error
	gone     bool // the client hung up
}

// callKey is where a request for an endpoint answered here has its call.
type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callOf returns the call that a request of ours belongs to.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}
