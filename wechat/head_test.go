package wechat

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
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

// What could end a line of the request early, or begin another one, is refused.
// Nothing is sent, and the host is not blamed.
func TestRequestsThatCannotBeWritten(t *testing.T) {
	overRoadsAndNetworks(t, func(t *testing.T, r road, secure bool) {
		h := newHostOver(t, secure, says(good))
		hosts := h.hosts(t)
		for _, bad := range []string{"\r", "\n", "\r\n", "\x00", "\x01", "\x1f", "\x7f", " ", "\t", " HTTP/1.1\r\nX: y\r\n\r\nGET /other"} {
			text := "a" + bad + "b"
			calls := map[string]Call{
				"path":   {Path: "/" + text},
				"query":  {Path: "/x", Query: "a=" + text},
				"name":   {Path: "/x", Header: http.Header{text: {"y"}}},
				"method": {Path: "/x", Method: text},
			}
			if strings.Trim(bad, " \t") == bad { // it is none of the two
				calls["value"] = Call{Path: "/x", Header: http.Header{"X": {"y", text}}}
			}
			for where, call := range calls {
				if call.Method == "" {
					call.Method = http.MethodPost
				}
				call.Body = r.body("{}")
				a, _, err := send(t, hosts, call)
				if kindOf(err) != Malformed || a.Response != nil {
					t.Errorf("%q in the %s: %v", bad, where, err)
				}
			}
		}
		for where, call := range map[string]Call{
			"no method": {Path: "/x"}, "no name": {Method: "GET", Path: "/x", Header: http.Header{"": {"y"}}}, "a colon": {Method: "GET", Path: "/x", Header: http.Header{"a:b": {"y"}}},
		} {
			call.Body = r.body("{}")
			if _, _, err := send(t, hosts, call); kindOf(err) != Malformed {
				t.Errorf("%s: %v", where, err)
			}
		}
		if got := h.requests(); len(got) > 0 {
			t.Errorf("%q were sent", got)
		}
		if s := hosts.Status()[0].State; s != "closed" {
			t.Errorf("the breaker is %s", s)
		}
	})
}

// Both roads write the same request: that of the call, byte for byte.
func TestWhatIsSent(t *testing.T) {
	for _, c := range []struct {
		name string
		call Call
		body string
	}{
		{"a POST", Call{Method: "POST", Path: "/cgi-bin/x", Query: "access_token=a&b"}, "{}"},
		{"a POST of nothing", Call{Method: "POST", Path: "/x"}, ""},
		{"a GET", Call{Method: "GET", Path: "/x"}, ""},
		{"a GET with a body", Call{Method: "GET", Path: "/x"}, "{}"},
		{"OPTIONS", Call{Method: "OPTIONS", Path: "/x"}, ""},
		{"a method of no known kind", Call{Method: "X-1", Path: "/x"}, "{}"},
		{"what is odd in a URL", Call{Method: "POST", Path: "/a%2fb/../%zz/;x//y'\"<>[]{}|\\^`没\xff", Query: "?a=%&&b=没\xff#{}|^`\"<>"}, "{}"},
		{"two slashes", Call{Method: "POST", Path: "//x/y"}, "{}"},
		{"only a question mark", Call{Method: "POST", Path: "/x?"}, "{}"},
		{"a header", Call{Method: "POST", Path: "/x", Header: http.Header{"Accept": {"a", "b"}, "X-Y": {""}, "If-None-Match": {"\"没\xff\ta\""}}}, "{}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			overRoadsAndNetworks(t, func(t *testing.T, r road, secure bool) {
				got := make(chan string, 1)
				h := &rawHost{}
				h.listen(t, secure, func(conn net.Conn) {
					in := bufio.NewReader(conn)
					var lines []string
					length := 0
					for {
						line, err := in.ReadString('\n')
						if line = strings.TrimSuffix(line, "\r\n"); err != nil || line == "" {
							break
						}
						_, _ = fmt.Sscanf(line, "Content-Length: %d", &length)
						lines = append(lines, line)
					}
					body := make([]byte, length)
					_, _ = io.ReadFull(in, body)
					slices.Sort(lines[1:])
					got <- strings.Join(append(lines, string(body)), "\n")
					_, _ = io.WriteString(conn, good)
				})
				_, address, _ := strings.Cut(h.url, "://")
				c.call.Body = r.body(c.body)
				if c.call.Header == nil {
					c.call.Header = http.Header{}
				}
				c.call.Header["User-Agent"] = []string{""} // net/http names itself where there is none
				want := []string{"Host: " + address}
				for name, values := range c.call.Header {
					for _, value := range values {
						if name != "User-Agent" {
							want = append(want, name+": "+value)
						}
					}
				}
				if c.body != "" || c.call.Method == "POST" {
					want = append(want, fmt.Sprintf("Content-Length: %d", len(c.body)))
				}
				slices.Sort(want)
				target := c.call.Path
				if c.call.Query != "" {
					target += "?" + c.call.Query
				}
				want = append([]string{c.call.Method + " " + target + " HTTP/1.1"}, append(want, c.body)...)
				_, _, err := send(t, h.hosts(t), c.call)
				if r.name == "streaming" && strings.HasPrefix(c.call.Path, "//") && kindOf(err) == Malformed {
					return // net/http cannot write it
				}
				if err != nil {
					t.Fatal(err)
				}
				if text := <-got; text != strings.Join(want, "\n") {
					t.Errorf("got\n%q, want\n%q", text, strings.Join(want, "\n"))
				}
			})
		})
	}
}

// Whatever a client makes of it, what both roads write is the one request that was
// meant, or nothing.
func FuzzAppendRequest(f *testing.F) {
	f.Add("GET", "/cgi-bin/x", "a=1", "Accept", "text/plain", "")
	f.Add("POST", "/x", "", "Accept", "a\r\nContent-Length: 0\r\n\r\nGET /y HTTP/1.1", "{}")
	f.Add("PUT", "/x HTTP/1.1\r\n", "\x00", "X", "\x7f", "body")
	f.Add("POST", "/\xff\xe4%zz?#", "?", "X: y\r\nZ", " ", strings.Repeat("x", 100))
	f.Add("POST /y", "//x/y", "", "a b", "\t\xff ", "{}")
	h := &host{scheme: "http", authority: "h"}
	f.Fuzz(func(t *testing.T, method, path, query, name, value, body string) {
		switch http.CanonicalHeaderKey(name) {
		case "Content-Length", "Transfer-Encoding", "Trailer", "Host", "User-Agent":
			return // no caller sets these
		}
		if !strings.HasPrefix(path, "/") || method == http.MethodConnect {
			return // nor calls such
		}
		c := &Call{Method: method, Path: path, Query: query, Header: http.Header{name: {value}, "User-Agent": {""}}}
		if body != "" {
			c.Body = stored(body)
		}
		target := path
		if query != "" {
			target += "?" + query
		}
		s := &sending{Call: c, hosts: &Hosts{heads: newHeads()}}
		held := *c
		held.Body = Bytes(body)
		lean, err := appendRequest(nil, h, &held)
		if err != nil {
			if kindOf(err) != Malformed || s.writable(h) {
				t.Errorf("%q: %v, over the streaming road %v", lean, err, s.writable(h))
			}
			return
		}
		wrote := [][]byte{lean}
		if s.writable(h) {
			var b bytes.Buffer
			a := attempt{s: s, h: h, ctx: t.Context(), timer: time.NewTimer(time.Hour)}
			if err := a.request().Write(&b); err != nil {
				t.Errorf("%q: %v over the streaming road", lean, err)
			}
			wrote = append(wrote, b.Bytes())
		} else if !strings.HasPrefix(path, "//") {
			t.Errorf("%q is malformed over the streaming road", lean)
		}
		for _, b := range wrote {
			rest, found := bytes.CutPrefix(b, []byte(method+" "+target+" HTTP/1.1\r\n"))
			if !found {
				t.Errorf("%q begins with another line", b)
			}
			// net/http parses targets that we do not.
			in := bufio.NewReader(io.MultiReader(strings.NewReader(method+" / HTTP/1.1\r\n"), bytes.NewReader(rest)))
			r, err := http.ReadRequest(in)
			if err != nil {
				t.Fatalf("%q: %v", b, err)
			}
			got, err := io.ReadAll(r.Body)
			if r.Method != method || r.Host != "h" || string(got) != body || err != nil || in.Buffered() > 0 {
				t.Errorf("%q became %s to %s with %q, %v, and %d bytes are left", b, r.Method, r.Host, got, err, in.Buffered())
			}
			if a := r.Header[http.CanonicalHeaderKey(name)]; len(a) != 1 || a[0] != strings.Trim(value, " \t") {
				t.Errorf("%q became the header %q", b, a)
			}
			delete(r.Header, http.CanonicalHeaderKey(name))
			delete(r.Header, "Content-Length")
			if len(r.Header) > 0 && name != "Pragma" {
				t.Errorf("%q became the header %v besides", b, r.Header)
			}
		}
	})
}
