package proxy

import (
	"context"
	"net/http"
	"time"
)

// call is one client's call: what was decided about it, which does not change,
// and what comes of it.
type call struct {
	in          *http.Request
	dir         *Directory
	id          string // X-Request-Id
	traceparent string // W3C, "" without a valid one
	start       time.Time
	decision
	body *spool // nil: none
	outcome
}

// outcome is what came of a call, for observe.
type outcome struct {
	errcode  int           // WeChat's, 0 without
	rid      string        // WeChat's rid, "" without
	host     string        // the upstream host that answered
	sends    int           // requests sent to WeChat
	renewed  bool          // the token was rejected and the call repeated
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
