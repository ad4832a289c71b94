package proxy

import (
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
)

// call is one client's call on its way. The front half (who, which account,
// which path) fills it in, the back half (body, token, upstream, answer) reads
// that and adds what came of it. It travels in the request's context.
type call struct {
	id      string // X-Request-Id
	trace   string // W3C trace id, "" without
	start   time.Time
	client  *access.Client
	account *Account

	method string
	path   string // decoded, // collapsed, account prefix cut: for policy, routes, logs
	raw    string // the same, in the client's own bytes: what WeChat gets
	query  string // the client's query in its own bytes, less what is ours to set
	route  route  // what WeChat wants with this path

	// What came of it, for Observe.
	status   int
	errcode  int           // WeChat's, 0 without
	rid      string        // WeChat's rid, "" without
	host     string        // the upstream host that answered
	attempts int           // requests sent to WeChat
	renewed  bool          // the token was refused and the call repeated
	upstream time.Duration // time spent waiting for WeChat: from sending to its header, all attempts
	wait     time.Duration // time spent waiting for a credential
	bytesIn  int64
	bytesOut int64
	err      error
}
