package wechat

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestHowARequestIsWritten(t *testing.T) {
	t.Parallel()
	h := &host{authority: "api.weixin.qq.com", target: "/base"}
	for _, c := range []struct {
		name string
		call Call
		want string // the header fields in any order; "": it cannot be written
	}{
		{"a GET", Call{Method: "GET", Path: "/cgi-bin/x", Query: "a=|^&b"}, "GET /base/cgi-bin/x?a=|^&b HTTP/1.1\r\nHost: api.weixin.qq.com\r\n\r\n"},
		{"a POST", Call{Method: "POST", Path: "/x", Body: Bytes("{}")}, "POST /base/x HTTP/1.1\r\nHost: api.weixin.qq.com\r\nContent-Length: 2\r\n\r\n{}"},
		{"a POST without a body", Call{Method: "POST", Path: "/x"}, "POST /base/x HTTP/1.1\r\nHost: api.weixin.qq.com\r\nContent-Length: 0\r\n\r\n"},
		{"a HEAD", Call{Method: "HEAD", Path: "/x"}, "HEAD /base/x HTTP/1.1\r\nHost: api.weixin.qq.com\r\nConnection: close\r\n\r\n"},
		{"a header", Call{Method: "GET", Path: "/x", Header: http.Header{"Accept": {"a", "b"}, "User-Agent": {""}}}, "GET /base/x HTTP/1.1\r\nHost: api.weixin.qq.com\r\nAccept: a\r\nAccept: b\r\n\r\n"},
		{"a line break in the query", Call{Method: "GET", Path: "/x", Query: "a=1 HTTP/1.1\r\nX: y"}, ""},
		{"a blank in the path", Call{Method: "GET", Path: "/x y"}, ""},
		{"a line break in a header", Call{Method: "GET", Path: "/x", Header: http.Header{"Accept": {"a\r\nX: y"}}}, ""},
		{"a colon in a header's name", Call{Method: "GET", Path: "/x", Header: http.Header{"X: y\r\nZ": {"a"}}}, ""},
		{"a method of two words", Call{Method: "GET /y", Path: "/x"}, ""},
	} {
		got, err := appendRequest(nil, h, &c.call)
		if (err == nil) != (c.want != "") || err == nil && string(got) != c.want {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

// Whatever a client makes of it, what is written is the one request that was
// meant, or nothing.
func FuzzAppendRequest(f *testing.F) {
	f.Add("GET", "/cgi-bin/x", "a=1", "text/plain", "")
	f.Add("POST", "/x", "", "a\r\nContent-Length: 0\r\n\r\nGET /y HTTP/1.1", "{}")
	f.Add("PUT", "/x HTTP/1.1\r\n", "\x00", "\x7f", "body")
	f.Add("POST", "/\xff\xe4", "?", " ", strings.Repeat("x", 100))
	f.Fuzz(func(t *testing.T, method, path, query, value, body string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#") {
			return // which the proxy does not let through
		}
		c := &Call{Method: method, Path: path, Query: query, Header: http.Header{"Accept": {value}}, Body: Bytes(body)}
		b, err := appendRequest(nil, &host{authority: "h"}, c)
		if err != nil {
			return
		}
		in := bufio.NewReader(bytes.NewReader(b))
		r, err := http.ReadRequest(in)
		if err != nil {
			return // WeChat's server would not take it either
		}
		got, _ := io.ReadAll(r.Body)
		target := path
		if query != "" {
			target += "?" + query
		}
		if r.Method != method || r.RequestURI != target || r.Host != "h" || string(got) != body || in.Buffered() > 0 {
			t.Errorf("%q became %s %q to %s with %q, and %d bytes are left", b, r.Method, r.RequestURI, r.Host, got, in.Buffered())
		}
		if a := r.Header["Accept"]; len(a) != 1 || a[0] != strings.Trim(value, " \t") {
			t.Errorf("%q became the header %q", b, a)
		}
	})
}
