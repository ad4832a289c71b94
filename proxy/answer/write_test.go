package answer

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestWrite(t *testing.T) {
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
		{"where SDKs throw other statuses away", Refusal{Status: 503, Message: "no token: 系统"}, true,
			200, `{"errcode":-503,"errmsg":"wechat-token-proxy: no token: 系统"}`,
			`wechat-token-proxy; error=destination_unavailable; details="no token: ??"`, ""},
		{"as WeChat would", Refusal{Status: 200, Errcode: 40001, Message: "the placeholder is not valid"}, false,
			200, `{"errcode":40001,"errmsg":"wechat-token-proxy: the placeholder is not valid"}`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Write(w, &c.refusal, c.alwaysOK)
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("got %d %s\nwant %d %s", w.Code, w.Body, c.status, c.body)
			}
			if got := w.Header().Get("Proxy-Status"); got != c.proxy {
				t.Errorf("Proxy-Status: got %s\nwant %s", got, c.proxy)
			}
			if got := w.Header().Get("Retry-After"); got != c.retry {
				t.Errorf("Retry-After: got %q, want %q", got, c.retry)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Error("not JSON")
			}
			if ct := w.Header().Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
				t.Errorf("Content-Type %q", ct)
			}
		})
	}
}
