package answer

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		refusal  Refusal
		alwaysOK bool
		status   int
		body     string
		proxy    string
		retry    string
	}{
		{"a malformed call", Refusal{Status: 400, Message: `bad "query" <;>`}, false,
			400, `{"errcode":-400,"errmsg":"wechat-token-proxy: bad \"query\" <;>"}`,
			`wechat-token-proxy; error=http_request_error; details="bad \"query\" <;>"`, ""},
		{"its own kind, and a wait rounded up", Refusal{Status: 502, Kind: "connection_refused", Message: "no host", RetryAfter: 1100 * time.Millisecond}, false,
			502, `{"errcode":-502,"errmsg":"wechat-token-proxy: no host"}`,
			`wechat-token-proxy; error=connection_refused; details="no host"`, "2"},
		{"a wait of whole seconds", Refusal{Status: 429, Message: "slow down", RetryAfter: 3 * time.Second}, false,
			429, `{"errcode":-429,"errmsg":"wechat-token-proxy: slow down"}`,
			`wechat-token-proxy; error=http_request_denied; details="slow down"`, "3"},
		{"always 200", Refusal{Status: 503, Message: "no token: 系统"}, true,
			200, `{"errcode":-503,"errmsg":"wechat-token-proxy: no token: 系统"}`,
			`wechat-token-proxy; error=destination_unavailable; details="no token: ??"`, ""},
		{"always 200, with a wait", Refusal{Status: 429, Message: "slow down", RetryAfter: 1}, true,
			200, `{"errcode":-429,"errmsg":"wechat-token-proxy: slow down"}`,
			`wechat-token-proxy; error=http_request_denied; details="slow down"`, "1"},
		{"control characters and backslashes", Refusal{Status: 400, Message: "a\r\nb\x7f\\"}, false,
			400, "{\"errcode\":-400,\"errmsg\":\"wechat-token-proxy: a\\r\\nb\x7f\\\\\"}",
			`wechat-token-proxy; error=http_request_error; details="a??b?\\"`, ""},
		{"WeChat's errcode", Refusal{Status: 200, Errcode: 40001, Message: "the placeholder is not valid"}, false,
			200, `{"errcode":40001,"errmsg":"wechat-token-proxy: the placeholder is not valid"}`, "", ""},
		{"WeChat's errcode, always 200", Refusal{Status: 200, Errcode: 40001, Message: "the placeholder is not valid"}, true,
			200, `{"errcode":40001,"errmsg":"wechat-token-proxy: the placeholder is not valid"}`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			check(t, c.refusal, c.alwaysOK, c.status, c.body, c.proxy, c.retry)
		})
	}
}

// Every status that the proxy answers with: the errcode is minus the status,
// the body ends with its brace, and Proxy-Status has the error type.
func TestWriteEveryStatus(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]string{
		400: "http_request_error",
		401: "http_request_denied",
		403: "http_request_denied",
		404: "destination_not_found",
		408: "http_request_error",
		413: "http_request_error",
		421: "destination_not_found",
		429: "http_request_denied",
		502: "http_protocol_error",
		503: "destination_unavailable",
		504: "http_response_timeout",
	} {
		r := Refusal{Status: status, Message: "why", Err: errors.New("cause")}
		body := fmt.Sprintf(`{"errcode":-%d,"errmsg":"wechat-token-proxy: why"}`, status)
		proxy := "wechat-token-proxy; error=" + kind + `; details="why"`
		check(t, r, false, status, body, proxy, "")
		check(t, r, true, 200, body, proxy, "")
	}
}

// check writes r and compares the whole answer.
func check(t *testing.T, r Refusal, alwaysOK bool, status int, body, proxy, retry string) {
	t.Helper()
	w := httptest.NewRecorder()
	Write(w, &r, alwaysOK)
	if w.Code != status || w.Body.String() != body {
		t.Errorf("got %d %q\nwant %d %q", w.Code, w.Body, status, body)
	}
	for name, want := range map[string]string{
		"Proxy-Status": proxy, "Retry-After": retry, "Content-Type": "application/json; charset=utf-8",
		"Content-Length": fmt.Sprint(len(body)), "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("status %d: %s: %q, want %q", r.Status, name, got, want)
		}
	}
}

func TestRefusalIsAnErrorWithItsCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	var err error = fmt.Errorf("wrapped: %w", &Refusal{Status: 503, Message: "no token", Err: cause})
	var r *Refusal
	if !errors.As(err, &r) || r.Error() != "no token" || !errors.Is(err, cause) {
		t.Errorf("%v, %v", r, err)
	}
}
