package wechat

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
)

// netLog is what net/http's own logger writes while the test runs.
func netLog(t *testing.T) *syncBuffer {
	t.Helper()
	b := &syncBuffer{}
	log.SetOutput(b)
	t.Cleanup(func() { log.SetOutput(io.Discard) })
	return b
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// echo answers with the target of the request, so that a stray answer shows.
func echo(r *http.Request) string {
	body := fmt.Sprintf("{\"errcode\":0,\"target\":%q}", r.RequestURI)
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// Bytes that nobody asked for end the connection. They are never another call's
// answer, whether they come with the answer before or a moment later.
func TestSurplusBytesAreNobodysAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(conn net.Conn, r *http.Request) bool
	}{
		{"a second answer in the same packet", func(conn net.Conn, r *http.Request) bool {
			_, err := io.WriteString(conn, echo(r)+echo(r))
			return err == nil
		}},
		{"half a line behind the answer", func(conn net.Conn, r *http.Request) bool {
			_, err := io.WriteString(conn, echo(r)+"HTTP/1.1 20")
			return err == nil
		}},
		{"a body behind 204", func(conn net.Conn, r *http.Request) bool {
			if r.Method == http.MethodDelete {
				_, err := io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n"+echo(r))
				return err == nil
			}
			_, err := io.WriteString(conn, echo(r))
			return err == nil
		}},
		{"a body behind 304", func(conn net.Conn, r *http.Request) bool {
			if r.Method == http.MethodDelete {
				_, err := io.WriteString(conn, "HTTP/1.1 304 Not Modified\r\n\r\n"+echo(r))
				return err == nil
			}
			_, err := io.WriteString(conn, echo(r))
			return err == nil
		}},
		{"a body behind HEAD", func(conn net.Conn, r *http.Request) bool {
			_, err := io.WriteString(conn, echo(r))
			return err == nil
		}},
		{"a chunked answer twice", func(conn net.Conn, r *http.Request) bool {
			body := fmt.Sprintf("{\"errcode\":0,\"target\":%q}", r.RequestURI)
			one := fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			_, err := io.WriteString(conn, one+one)
			return err == nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			netLog(t) // which is not to be seen
			h := newRawHost(t, c.answer)
			hosts := newHosts(t, Options{BaseURLs: []string{h.url}})
			var calls sync.WaitGroup
			for worker := range 8 {
				calls.Go(func() {
					for i := range 40 {
						path := fmt.Sprintf("/cgi-bin/%d/%d", worker, i)
						call := post(path, "{}")
						switch i % 4 {
						case 1:
							call = get(path)
						case 2:
							call = Call{Method: http.MethodHead, Path: path}
						case 3:
							call = Call{Method: http.MethodDelete, Path: path}
						}
						a, body, err := send(t, hosts, call)
						want := fmt.Sprintf("{\"errcode\":0,\"target\":%q}", path)
						switch {
						case err != nil:
							t.Errorf("%s %s: %v", call.Method, path, err)
						case call.Method == http.MethodHead || a.StatusCode != 200:
						case body != want:
							t.Errorf("%s %s got %q", call.Method, path, body)
						}
					}
				})
			}
			calls.Wait()
		})
	}
}

// Bytes that come while no call uses the connection end it in silence, and the
// next call takes another.
func TestBytesOnAnIdleConnection(t *testing.T) {
	for name, surplus := range map[string]func(r *http.Request) string{
		"an answer":   echo,
		"half a line": func(*http.Request) string { return "HTTP/1.1 20" },
		"no HTTP":     func(r *http.Request) string { return "SECRET " + r.RequestURI + "\r\n\r\n" },
	} {
		t.Run(name, func(t *testing.T) {
			printed := netLog(t)
			read, sent := make(chan struct{}, 1), make(chan struct{}, 1)
			h := newRawHost(t, func(conn net.Conn, r *http.Request) bool {
				_, err := io.WriteString(conn, echo(r))
				go func() {
					<-read
					_, _ = io.WriteString(conn, surplus(r))
					sent <- struct{}{}
				}()
				return err == nil
			})
			hosts := newHosts(t, Options{BaseURLs: []string{h.url}})
			for i := range 10 {
				path := fmt.Sprintf("/cgi-bin/x/%d", i)
				_, body, err := send(t, hosts, post(path, "{}"))
				if want := fmt.Sprintf("{\"errcode\":0,\"target\":%q}", path); err != nil || body != want {
					t.Errorf("%s: %q, %v", path, body, err)
				}
				read <- struct{}{}
				<-sent
				if n := h.conns.Load(); n != int64(i+1) {
					t.Errorf("call %d is the %d. connection's", i, n)
				}
			}
			if text := printed.String(); text != "" {
				t.Errorf("net/http printed %q", text)
			}
		})
	}
}
