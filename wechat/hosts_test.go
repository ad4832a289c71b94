package wechat

import "testing"

// A plain upstream behind an HTTP proxy gets the whole URL in the request line.
func TestPlainUpstreamBehindAnHTTPProxy(t *testing.T) {
	h := &host{scheme: "http", authority: "wx.test", prefix: "//wx.test"}
	u := h.url("/cgi-bin/x", "a=1")
	if got := u.RequestURI(); got != "http://wx.test/cgi-bin/x?a=1" {
		t.Errorf("got %s", got)
	}
	h.prefix = "/base"
	u = h.url("/cgi-bin/x", "")
	if got := u.RequestURI(); got != "/base/cgi-bin/x" {
		t.Errorf("got %s", got)
	}
}
