package proxy

import (
	"bufio"
	"bytes"
	"crypto/sha256"
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

// WeChat answers an upload before it has read it, and then stops reading or
// closes the connection. A client that reads while it sends gets that answer,
// whether it goes on sending or waits.
func TestAnswerDuringAnUpload(t *testing.T) {
	const size = 3 << 20
	answers := map[string]string{
		"413":   "HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large",
		"45009": "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n" + `{"errcode":45009,"errmsg":"reach max api daily quota limit"}`,
	}
	for name, answer := range answers {
		for _, closes := range []bool{true, false} {
			for _, keepAlive := range []bool{true, false} {
				for _, waits := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s, host closes %v, keep-alive %v, client waits %v", name, closes, keepAlive, waits), func(t *testing.T) {
						t.Parallel()
						w := newWorld(t, setup{})
						w.warm()
						w.server.Config.SetKeepAlivesEnabled(keepAlive)
						over := make(chan struct{})
						defer close(over)
						host := newRawHost(t, func(c *rawConn, r *http.Request) bool {
							_, _ = io.CopyN(io.Discard, r.Body, 100_000)
							_, _ = io.WriteString(c.Conn, answer)
							if !closes {
								<-over
							}
							return false
						})
						w.replaceUpstream(t, wechat.Options{BaseURLs: []string{host.url}})
						got, body := w.uploadWhileReading(t, size, waits)
						want := answer[strings.Index(answer, "\r\n\r\n")+4:]
						if !strings.HasPrefix(answer, got.Proto+" "+got.Status[:3]) || body != want {
							t.Errorf("%s %q, want %.40q", got.Status, body, answer)
						}
						if n := len(host.seen()); n != 1 {
							t.Errorf("the host got %d requests", n)
						}
					})
				}
			}
		}
	}
}

// uploadWhileReading sends a body of size bytes, and reads the answer meanwhile.
// If waits is true, the last megabyte is only sent after the answer.
func (w *world) uploadWhileReading(t *testing.T, size int, waits bool) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) // so that a failure ends
	first := size
	if waits {
		first -= 1 << 20
	}
	body := randomBytes(size)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = fmt.Fprintf(conn, "POST /cgi-bin/media/upload?type=image HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size)
		_, _ = conn.Write(body[:first]) // the proxy may close before the end
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "POST"})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	_ = conn.Close()
	<-sent
	return resp, string(b)
}

// Early: WeChat rejects the token before it has read the upload.
func TestUploadRejectedBeforeItWasRead(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	w.wechat.Trouble(wechattest.Trouble{Path: "/wxa/", Kind: wechattest.Early, Count: 1})
	body := randomBytes(8 << 20)
	g, err := w.try("POST /wxa/x", bytes.NewReader(body))
	if err != nil || g.StatusCode != 200 || g.Code != 0 {
		t.Fatalf("%v %v", g, err)
	}
	seen := w.wechat.Seen()
	if last := seen[len(seen)-1]; last.BodySum != sha256.Sum256(body) {
		t.Errorf("%d bytes of %d came", last.BodyLen, len(body))
	}
}
