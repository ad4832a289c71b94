package wechat

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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
			overRoadsAndNetworks(t, func(t *testing.T, r road, secure bool) {
				printed := netLog(t)
				read, sent := make(chan struct{}, 1), make(chan struct{}, 1)
				h := newHostOver(t, secure, func(conn net.Conn, r *http.Request) bool {
					_, _ = io.Copy(io.Discard, r.Body)
					_, err := io.WriteString(conn, echo(r))
					go func() {
						<-read
						_, _ = io.WriteString(conn, surplus(r))
						sent <- struct{}{}
					}()
					return err == nil
				})
				hosts := h.hosts(t)
				arrived := idleEnds(hosts, r)
				for i := range 10 {
					path := fmt.Sprintf("/cgi-bin/x/%d", i)
					_, body, err := send(t, hosts, Call{Method: http.MethodPost, Path: path, Body: r.body("{}")})
					if want := fmt.Sprintf("{\"errcode\":0,\"target\":%q}", path); err != nil || body != want {
						t.Errorf("%s: %q, %v", path, body, err)
					}
					read <- struct{}{}
					<-sent
					eventually(t, "the bytes arrive", arrived)
					if n := h.conns.Load(); n != int64(i+1) {
						t.Errorf("call %d is the %d. connection's", i, n)
					}
				}
				if text := printed.String(); text != "" {
					t.Errorf("net/http printed %q", text)
				}
			})
		})
	}
}

// slowRead is a connection whose reads, from the second on, have their bytes but
// do not return before late is closed, as when the scheduler takes its time.
type slowRead struct {
	net.Conn
	reads int
	late  chan struct{}
}

func (s *slowRead) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if s.reads++; s.reads > 1 {
		<-s.late
	}
	return n, err
}

// Surplus bytes that the transport's read has taken from the kernel, without
// having returned, are not the answer to a call that begins at that moment.
func TestBytesThatAReadHoldsWhileACallBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		slow := &slowRead{Conn: client, late: make(chan struct{})}
		w := newWire(slow, nil)
		c := newConn(w, w)
		type read struct {
			text string
			err  error
		}
		reads := make(chan read, 2)
		go func() {
			for range 2 {
				var p [100]byte
				n, err := c.Read(p[:])
				reads <- read{string(p[:n]), err}
			}
		}()

		call := c.begin()
		go func() { _, _ = io.WriteString(c, "one") }()
		var asked [3]byte
		if _, err := io.ReadFull(server, asked[:]); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(server, "answer")
		if got := <-reads; got.text != "answer" || got.err != nil {
			t.Fatalf("the first call got %+v", got)
		}
		c.end(call)
		_, _ = io.WriteString(server, "surplus")

		var wrote error
		go func() {
			c.begin()
			_, wrote = io.WriteString(c, "two")
		}()
		synctest.Wait()
		close(slow.late)
		if got := <-reads; got.text != "" || got.err == nil {
			t.Errorf("the second call got %+v", got)
		}
		_ = c.Close() // as the transport does
		synctest.Wait()
		if wrote == nil {
			t.Error("the second call was written to a connection that is out of step")
		}
		_ = server.Close()
	})
}

// A body behind an answer that has none by its status may come at any moment, so
// the connection is not used for another call.
func TestABodilessAnswerEndsItsConnection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status string
		stays  bool
	}{{"200 OK", true}, {"204 No Content", false}, {"304 Not Modified", false}, {"404 Not Found", true}} {
		for name, body := range map[string]Body{"a short call": Bytes("{}"), "an upload": stored(strings.Repeat("x", 9000))} {
			h := newRawHost(t, func(conn net.Conn, _ *http.Request) bool {
				length := ""
				if c.stays {
					length = "Content-Length: 0\r\n"
				}
				_, err := io.WriteString(conn, "HTTP/1.1 "+c.status+"\r\n"+length+"\r\n")
				return err == nil
			})
			hosts := newHosts(t, Options{BaseURLs: []string{h.url}})
			for range 3 {
				call := post("/cgi-bin/x", "")
				call.Body = body
				if _, _, err := send(t, hosts, call); err != nil {
					t.Errorf("%s, %s: %v", c.status, name, err)
				}
			}
			if n := h.conns.Load(); (n == 1) != c.stays || !c.stays && n != 3 {
				t.Errorf("%s, %s: 3 calls over %d connections", c.status, name, n)
			}
		}
	}
}

// tlsHost is a host that speaks TLS and answers each request in one packet, of as
// many TLS records as answer has pieces.
func tlsHost(t *testing.T, answer func(r *http.Request) []string) (url string, roots *x509.CertPool) {
	t.Helper()
	config, roots := certificate()
	address := accept(t, func(raw net.Conn) {
		held := &holding{Conn: raw}
		secure := tls.Server(held, config)
		in := bufio.NewReader(secure)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			held.hold = true
			for _, record := range answer(r) {
				_, _ = io.WriteString(secure, record)
			}
			held.hold = false
			_, _ = raw.Write(held.buf.Bytes())
			held.buf.Reset()
		}
	})
	return "https://" + address, roots
}

// holding holds writes back.
type holding struct {
	net.Conn
	hold bool
	buf  bytes.Buffer
}

func (h *holding) Write(p []byte) (int, error) {
	if h.hold {
		return h.buf.Write(p)
	}
	return h.Conn.Write(p)
}

// Over TLS, surplus bytes may be where neither the kernel nor a buffer of ours
// shows them: in a record of their own, behind the answer in its record, in half a
// record.
func TestSurplusBytesOverTLS(t *testing.T) {
	long := func(r *http.Request) string {
		body := r.RequestURI + strings.Repeat("x", 9000)
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for _, c := range []struct {
		name   string
		answer func(r *http.Request) []string
	}{
		{"in a record of their own", func(r *http.Request) []string { return []string{echo(r), echo(r)} }},
		{"in two records", func(r *http.Request) []string { return []string{echo(r), "HTTP/1.1 200 OK\r\n", "\r\n"} }},
		{"behind a long answer in its record", func(r *http.Request) []string { return []string{long(r) + echo(r)} }},
		{"behind a short answer in its record", func(r *http.Request) []string { return []string{echo(r) + echo(r)} }},
		{"none", func(r *http.Request) []string { return []string{long(r)} }},
	} {
		for _, streams := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, an upload %v", c.name, streams), func(t *testing.T) {
				netLog(t)
				url, roots := tlsHost(t, c.answer)
				hosts := newHosts(t, Options{BaseURLs: []string{url}, Connections: &Connections{RootCAs: roots}})
				t.Cleanup(hosts.hosts[0].pool.close)
				for i := range 20 {
					path := fmt.Sprintf("/account-%d", i)
					call := post(path, "{}")
					if streams {
						call.Body = stored(strings.Repeat("y", 9000))
					}
					if _, body, err := send(t, hosts, call); err != nil || !strings.Contains(body, path) || strings.Count(body, "/account-") != 1 {
						t.Errorf("%s: %.80q, %v", path, body, err)
					}
				}
			})
		}
	}
}

// Half a TLS record that came with an answer is noticed.
func TestHalfARecord(t *testing.T) {
	t.Parallel()
	record := func(n int) []byte { return append([]byte{23, 3, 3, byte(n >> 8), byte(n)}, make([]byte, n)...) }
	for _, c := range []struct {
		name string
		read []byte
		mid  bool
	}{
		{"nothing", nil, false},
		{"a record", record(300), false},
		{"two records", append(record(1), record(16384)...), false},
		{"half a header", record(300)[:3], true},
		{"a header", record(300)[:5], true},
		{"half a body", record(300)[:100], true},
		{"half a second record", append(record(300), record(300)[:100]...), true},
		{"an empty record", record(0), false},
	} {
		for size := 1; size <= 400; size += 7 {
			w := &wire{records: true}
			for rest := c.read; len(rest) > 0; {
				n := min(size, len(rest))
				w.follow(rest[:n])
				rest = rest[n:]
			}
			if w.midRecord() != c.mid {
				t.Errorf("%s, read %d bytes at a time: %v", c.name, size, w.midRecord())
			}
		}
	}
}
