package proxy

import (
	"net/http"
	"testing"
)

func TestOnlyAFewHeadersGoOn(t *testing.T) {
	h := http.Header{}
	for _, name := range []string{
		"Accept", "Accept-Language", "Content-Type", "If-None-Match", "If-Modified-Since", "Range", "User-Agent", "Wechatmp-Appid", "Wechatmp-Signature",
	} {
		h.Set(name, "goes on")
	}
	for _, name := range []string{
		"Authorization", "Proxy-Authorization", "Cookie", "X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via", "Referer", "Origin",
		"Te", "Trailer", "Idempotency-Key", "X-Idempotency-Key", "Expect", "X-Request-Id", "Traceparent", "Accept-Encoding", "X-Wx-Source",
	} {
		h.Set(name, "stays")
	}
	filterHeaders(h)
	for name := range h {
		if h.Get(name) == "stays" {
			t.Errorf("%s went on", name)
		}
	}
	if len(h) != 10 || h.Get("Accept-Encoding") != "identity" {
		t.Errorf("got %v", h)
	}
}

func TestScrub(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a location with the token", "https://mp.weixin.qq.com/x?a=1&access_token=SECRET&b=2#f", "https://mp.weixin.qq.com/x?a=1&b=2#f"},
		{"the token alone", "/x?access_token=SECRET", "/x"},
		{"in another place", "/x/SECRET?a=SECRET", "/x/?a="},
		{"without it", "/x?access_token=other", "/x?access_token=other"},
	} {
		h := http.Header{"Location": {c.in}, "X-Other": {"SECRET"}}
		scrub(h, "SECRET")
		if got := h.Get("Location"); got != c.want || h.Get("X-Other") != "" {
			t.Errorf("%s: got %q, %q", c.name, got, h.Get("X-Other"))
		}
	}
}
