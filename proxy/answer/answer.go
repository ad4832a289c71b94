// Package answer is how the proxy says no: JSON in WeChat's shape, an honest
// HTTP status, and the reason in a Proxy-Status header (RFC 9209).
package answer

import (
	"time"
)

// Refusal is an answer the proxy makes itself. It is an error, so that every
// layer can return one.
type Refusal struct {
	// Status is the HTTP status; the body's errcode is minus that, so that
	// nobody takes it for WeChat's, unless Errcode says otherwise.
	Status int
	// Errcode, where not zero, is one of WeChat's own, for the two answers that
	// SDKs must take for WeChat's (DESIGN §3); Status is 200 then and no
	// Proxy-Status is sent.
	Errcode int
	// Kind is RFC 9209's error type: http_request_denied, connection_refused …
	Kind string
	// Message is what is wrong, in words, without the "wechat-token-proxy: "
	// that is put before it. Never a secret, a token or a query value.
	Message string
	// RetryAfter, where positive, is sent rounded up to whole seconds.
	RetryAfter time.Duration
	// Err is the cause, for the log. It may be nil and is not sent.
	Err error
}

func (r *Refusal) Error() string { return r.Message }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }
