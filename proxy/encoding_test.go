package proxy

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
)

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
