package proxy

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// Answers come back as they are: pictures, long documents that only look like
// an error, errors under the name of text.
func TestAnswersComeBackAsTheyAre(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	t.Run("a picture", func(t *testing.T) {
		g := w.call("POST /wxa/getwxacode", `{"path":"p"}`)
		if g.StatusCode != 200 || g.Header.Get("Content-Type") != "image/jpeg" || !strings.HasPrefix(g.body, "\xff\xd8\xff") {
			t.Errorf("%d %v", g.StatusCode, g.Header)
		}
	})
	t.Run("a long file that begins like a rejection", func(t *testing.T) {
		g := w.call("GET /cgi-bin/media/get?media_id=trap&size=100000", "")
		if len(g.body) != 100000 || w.wechat.Count("token") != 0 {
			t.Errorf("%d bytes, %d fetches", len(g.body), w.wechat.Count("token"))
		}
	})
	t.Run("an error where a file is wanted, repaired", func(t *testing.T) {
		w.wechat.Expire(shopID)
		g := w.call("GET /cgi-bin/media/get?media_id=big&size=5000", "")
		want, _ := io.ReadAll(wechattest.Bytes(5000))
		if g.body != string(want) {
			t.Errorf("%.80s", g.body)
		}
	})
	t.Run("a range", func(t *testing.T) {
		g := w.call("GET /@staff/cgi-bin/media/get?media_id=big&size=5000", "", "Range: bytes=0-9")
		if g.StatusCode != 206 || len(g.body) != 10 {
			t.Errorf("%d, %d bytes", g.StatusCode, len(g.body))
		}
	})
	t.Run("HEAD", func(t *testing.T) {
		g := w.call("HEAD /cgi-bin/media/get?media_id=big&size=5000", "")
		if g.StatusCode != 200 || g.ContentLength != 5000 {
			t.Errorf("%d, length %d", g.StatusCode, g.ContentLength)
		}
	})
	t.Run("a redirect that carries the token", func(t *testing.T) {
		w.wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/user", Kind: wechattest.Redirect, Count: 1})
		g := w.call("GET /cgi-bin/user/get?a=1", "")
		if g.StatusCode != 302 || strings.Contains(g.Header.Get("Location"), "access_token") {
			t.Errorf("%d %v", g.StatusCode, g.Header)
		}
	})
}

func TestOddAnswersOfWeChats(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	t.Run("a trailer stays behind", func(t *testing.T) {
		w.serveUpstream(t, func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Trailer", "X-Echo")
			_, _ = rw.Write(randomBytes(9000))
			rw.(http.Flusher).Flush()
			rw.Header().Set("X-Echo", r.URL.Query().Get("access_token"))
		}, 0)
		g := w.call("GET /cgi-bin/user/get", "")
		if len(g.body) != 9000 || g.Trailer.Get("X-Echo") != "" {
			t.Errorf("%d bytes, trailer %v", len(g.body), g.Trailer)
		}
	})
	t.Run("a trailer behind a short answer", func(t *testing.T) {
		w.serveUpstream(t, func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(rw, `{"errcode":0}`)
			rw.(http.Flusher).Flush()
			rw.Header().Set(http.TrailerPrefix+"X-Echo", r.URL.Query().Get("access_token"))
		}, 0)
		if g := w.call("GET /cgi-bin/user/get", ""); g.Trailer.Get("X-Echo") != "" || g.Header.Get("Trailer") != "" || g.body != `{"errcode":0}` {
			t.Errorf("%v %v %v", g, g.Header, g.Trailer)
		}
	})
	t.Run("a beginning of an answer, and nothing more", func(t *testing.T) {
		stop := make(chan struct{})
		defer close(stop)
		w.serveUpstream(t, func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Length", "50")
			_, _ = io.WriteString(rw, "{")
			rw.(http.Flusher).Flush()
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		}, 500*time.Millisecond)
		if g := w.call("GET /cgi-bin/user/get", ""); g.StatusCode != 504 {
			t.Errorf("%v", g)
		}
	})
	t.Run("a status that is none", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, "HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\n{}")
				_ = conn.Close()
			}
		}()
		w.replaceUpstream(t, wechat.Options{BaseURLs: []string{"http://" + l.Addr().String()}})
		if g := w.call("GET /cgi-bin/user/get", ""); g.StatusCode != 502 {
			t.Errorf("%v", g)
		}
	})
}

// gzipped returns s compressed.
func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s) // a buffer takes everything
	_ = z.Close()
	return b.String()
}

// A gateway compresses although it was asked for identity. The errcode in the
// answer counts as in any other, and the client gets bytes that are what their
// Content-Encoding says.
func TestCompressedAnswers(t *testing.T) {
	const good = `{"total":1,"count":1,"data":{"openid":["o"]}}`
	for _, c := range []struct {
		name, encoding, first, second string // second "": the first is for the client
		chunked                       bool
		errcode                       int
	}{
		{"a rejection", "gzip", gzipped(`{"errcode":40001,"errmsg":"invalid credential"}`), gzipped(good), false, 0},
		{"a rejection, as x-gzip", "X-Gzip", gzipped(`{"errcode":42001,"errmsg":"expired"}`), gzipped(good), false, 0},
		{"a rejection of unknown length", "gzip", gzipped(`{"errcode":40001}`), gzipped(good), true, 0},
		{"a rejection, then an answer in plain", "gzip", gzipped(`{"errcode":40001}`), "plain:" + good, false, 0},
		{"another errcode", "gzip", gzipped(`{"errcode":45009,"errmsg":"reach max api daily quota limit"}`), "", false, 45009},
		{"a success", "gzip", gzipped(good), "", false, 0},
		{"a long answer", "gzip", gzipped(string(randomBytes(100_000))), "", true, 0},
		{"an encoding that we cannot read", "br", "\x1b\x00\x00\x00", "", false, 0},
		{"no gzip at all", "gzip", `{"errcode":40001}`, "", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, setup{})
			w.warm()
			old := w.wechat.Current(shopID)
			if c.second != "" {
				w.wechat.Expire(shopID) // so that a renewal gives another token
			}
			var asked []string
			host := newRawHost(t, func(conn *rawConn, r *http.Request) bool {
				asked = append(asked, r.Header.Get("Accept-Encoding"))
				body, encoding := c.first, c.encoding
				if r.URL.Query().Get("access_token") != old {
					var plain bool
					if body, plain = strings.CutPrefix(c.second, "plain:"); plain {
						encoding = "identity"
					}
				}
				header := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: %s\r\n", encoding)
				if c.chunked {
					_, _ = io.WriteString(conn.Conn, header+"Transfer-Encoding: chunked\r\n\r\n"+chunked(body))
				} else {
					_, _ = fmt.Fprintf(conn.Conn, "%sContent-Length: %d\r\n\r\n%s", header, len(body), body)
				}
				return true
			})
			w.replaceUpstream(t, wechat.Options{BaseURLs: []string{host.url}})
			g := w.wire("GET", "GET /cgi-bin/user/get HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, br\r\nConnection: close\r\n\r\n")

			want, encoding := c.first, c.encoding
			if c.second != "" {
				want = c.second
				if plain, ok := strings.CutPrefix(c.second, "plain:"); ok {
					want, encoding = plain, "identity"
				}
			}
			if g.StatusCode != 200 || g.body != want || g.Header.Get("Content-Encoding") != encoding {
				t.Errorf("%d, %d bytes of %d, %v", g.StatusCode, len(g.body), len(want), g.Header)
			}
			if r := w.lastRecord(); r.Errcode != c.errcode || r.Renewed != (c.second != "") {
				t.Errorf("errcode %d, renewed %v, %d sends", r.Errcode, r.Renewed, r.Sends)
			}
			if sends := len(host.seen()); sends != len(asked) || sends == 1 != (c.second == "") {
				t.Errorf("%d sends", sends)
			}
			for _, a := range asked {
				if a != "identity" {
					t.Errorf("WeChat was asked for %q", a)
				}
			}
		})
	}
}
