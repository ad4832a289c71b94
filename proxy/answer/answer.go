// Package answer writes the answers that the proxy makes itself: JSON in
// WeChat's shape, the HTTP status that fits, and the reason in a Proxy-Status
// header (RFC 9209).
//
//	answer.go  Refusal, the error behind such an answer, and how it is written
package answer

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Prefix starts the errmsg of every answer that the proxy makes itself.
const Prefix = "wechat-token-proxy: "

// Refusal is an answer that the proxy makes itself. It is an error, so that
// every layer can return one.
type Refusal struct {
	// Status is the HTTP status. Unless Errcode is set, the errcode in the body is
	// minus Status, which cannot be mistaken for one of WeChat's.
	Status int
	// Errcode, if not zero, is one of WeChat's own errcodes, for the two cases in
	// which SDKs must take the answer for WeChat's: a token request with wrong
	// credentials, and an invalid placeholder. Status is 200 then, and there is no
	// Proxy-Status header.
	Errcode int
	// Kind is the error type of RFC 9209: http_request_denied,
	// connection_refused and so on. If empty, it follows from Status.
	Kind string
	// Message says what is wrong, without [Prefix]. It never contains a secret, a
	// token or the value of a query parameter.
	Message string
	// RetryAfter, if positive, is sent as a header, rounded up to whole seconds.
	RetryAfter time.Duration
	// Err is the cause, for the log. It is not sent and may be nil.
	Err error
}

func (r *Refusal) Error() string { return r.Message }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Code returns the errcode of the body.
func (r *Refusal) Code() int {
	if r.Errcode != 0 {
		return r.Errcode
	}
	return -r.Status
}

// Body returns the JSON for the client. It does not end in a newline, because
// an SDK fails on one.
func (r *Refusal) Body() []byte {
	b := append([]byte(`{"errcode":`), strconv.Itoa(r.Code())...)
	b = append(b, `,"errmsg":`...)
	return append(append(b, quote(Prefix+r.Message)...), '}')
}

// quote returns s as JSON without the HTML escapes of json.Marshal, because
// people read it.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// Write answers with r. If alwaysOK is true (PROXY_ERROR_STATUS=ok), the HTTP
// status is 200 for every refusal.
func Write(w http.ResponseWriter, r *Refusal, alwaysOK bool) {
	h := w.Header()
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((r.RetryAfter+time.Second-1)/time.Second)))
	}
	status := r.Status
	if r.Errcode == 0 {
		h.Set("Proxy-Status", r.proxyStatus())
		if alwaysOK {
			status = http.StatusOK
		}
	}
	JSON(w, status, r.Body())
}

// JSON answers with a JSON document. It forbids caching, because some clients
// cache everything else.
func JSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}

// proxyStatus returns the Proxy-Status field of RFC 9209: the name of the
// proxy, the error type, and the message as a structured string, which may only
// contain printable ASCII.
func (r *Refusal) proxyStatus() string {
	kind := r.Kind
	if kind == "" {
		kind = defaultKind(r.Status)
	}
	return "wechat-token-proxy; error=" + kind + `; details="` + ascii(r.Message) + `"`
}

// defaultKind returns the RFC 9209 error type for a status.
func defaultKind(status int) string {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		return "http_request_error"
	case http.StatusMisdirectedRequest, http.StatusNotFound:
		return "destination_not_found"
	case http.StatusBadGateway:
		return "http_protocol_error"
	case http.StatusServiceUnavailable:
		return "destination_unavailable"
	case http.StatusGatewayTimeout:
		return "http_response_timeout"
	default:
		return "http_request_denied"
	}
}

// ascii escapes s for a structured string and replaces what that cannot contain.
func ascii(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || r >= utf8.RuneSelf:
			b.WriteByte('?')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
