package answer

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Prefix begins the words of every answer that the proxy makes itself.
const Prefix = "wechat-token-proxy: "

// Code is the errcode of the body.
func (r *Refusal) Code() int {
	if r.Errcode != 0 {
		return r.Errcode
	}
	return -r.Status
}

// Body is the JSON that the client gets, with no newline behind it: an SDK
// chokes on one.
func (r *Refusal) Body() []byte {
	b := append([]byte(`{"errcode":`), strconv.Itoa(r.Code())...)
	b = append(b, `,"errmsg":`...)
	return append(append(b, quote(Prefix+r.Message)...), '}')
}

// quote writes s as JSON without the HTML escapes that json.Marshal adds:
// these words are read by people.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// Write answers with r. With alwaysOK the HTTP status is 200 for every
// refusal (PROXY_ERROR_STATUS=ok).
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

// JSON answers with a document of ours. Clients that cache what no header
// forbids must not keep it.
func JSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away needs no answer
}

// proxyStatus is the Proxy-Status field of RFC 9209: who, an error type, and
// the words as a structured string, which holds printable ASCII only.
func (r *Refusal) proxyStatus() string {
	kind := r.Kind
	if kind == "" {
		kind = defaultKind(r.Status)
	}
	return "wechat-token-proxy; error=" + kind + `; details="` + ascii(r.Message) + `"`
}

// defaultKind is the RFC 9209 error type of a status where the cause has none
// of its own.
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
