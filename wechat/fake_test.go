package wechat

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rawHost is a host that may say anything. answer is called for every request it
// reads, and returns whether the connection goes on.
type rawHost struct {
	url   string
	roots *x509.CertPool // which verify its certificate
	conns atomic.Int64   // opened
	ended atomic.Int64   // of which were closed, by whichever side

	mu    sync.Mutex
	lines []string // "METHOD target" of the requests
}

func newRawHost(t testing.TB, answer func(conn net.Conn, r *http.Request) bool) *rawHost {
	t.Helper()
	return newHostOver(t, false, answer)
}

// newHostOver is newRawHost for a host that may speak TLS.
func newHostOver(t testing.TB, secure bool, answer func(conn net.Conn, r *http.Request) bool) *rawHost {
	t.Helper()
	h := &rawHost{}
	h.listen(t, secure, func(conn net.Conn) { h.serve(conn, answer) })
	return h
}

func (h *rawHost) listen(t testing.TB, secure bool, serve func(conn net.Conn)) {
	t.Helper()
	scheme, config := "http://", (*tls.Config)(nil)
	if secure {
		scheme = "https://"
		config, h.roots = certificate()
	}
	h.url = scheme + accept(t, func(conn net.Conn) {
		h.conns.Add(1)
		if secure {
			conn = tls.Server(conn, config)
		}
		serve(conn)
	})
}

// hosts are Hosts whose only one is h.
func (h *rawHost) hosts(t testing.TB) *Hosts {
	t.Helper()
	c := &Connections{RootCAs: h.roots}
	t.Cleanup(c.Close)
	return newHosts(t, Options{BaseURLs: []string{h.url}, Connections: c})
}

// certificate is what the fake hosts speak TLS with, and what verifies it. Its key
// is of a kind that costs the tests little.
var certificate = sync.OnceValues(func() (*tls.Config, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	own := tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
	if own.Leaf, err = x509.ParseCertificate(raw); err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(own.Leaf)
	return &tls.Config{Certificates: []tls.Certificate{own}, CurvePreferences: []tls.CurveID{tls.CurveP256}, DynamicRecordSizingDisabled: true}, roots
})

// tcp is what lies under a fake host's connection.
func tcp(conn net.Conn) *net.TCPConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return conn.(*net.TCPConn)
}

// A road is one of the two ways that a call takes, by the form of its body.
type road struct {
	name string
	body func(text string) Body
}

var roads = []road{
	{"lean", func(text string) Body { return Bytes(text) }},
	{"streaming", func(text string) Body { return stored(text) }},
}

// overRoadsAndNetworks runs test over both roads, over TCP and over TLS.
func overRoadsAndNetworks(t *testing.T, test func(t *testing.T, r road, secure bool)) {
	for _, secure := range []bool{false, true} {
		for _, r := range roads {
			t.Run(r.name+" road over "+network(secure), func(t *testing.T) { test(t, r, secure) })
		}
	}
}

func network(secure bool) string {
	if secure {
		return "TLS"
	}
	return "TCP"
}

// accept serves each connection to the address it returns with serve, and closes
// it behind that, or at the end of the test.
func accept(t testing.TB, serve func(conn net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(t.Context(), func() { _ = conn.Close() })() // at the end of the test
				serve(conn)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); open.Wait() })
	return l.Addr().String()
}

// tunnel copies between conn and address until both are done.
func tunnel(conn net.Conn, address string) {
	far, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer far.Close()
	go func() { _, _ = io.Copy(far, conn); _ = far.Close() }()
	_, _ = io.Copy(conn, far)
}

func (h *rawHost) serve(conn net.Conn, answer func(net.Conn, *http.Request) bool) {
	in := bufio.NewReader(conn)
	defer func() {
		_ = conn.Close() // it may be closed already
		h.ended.Add(1)
	}()
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		h.mu.Lock()
		h.lines = append(h.lines, r.Method+" "+r.RequestURI)
		h.mu.Unlock()
		if !answer(conn, r) {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

func (h *rawHost) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.lines...)
}

// says answers every request with text, and goes on.
func says(text string) func(net.Conn, *http.Request) bool {
	return func(conn net.Conn, _ *http.Request) bool {
		_, err := io.WriteString(conn, text)
		return err == nil
	}
}

// good is an answer whose errcode is 0.
const good = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"errcode\":0}"

// deadHost is the URL of a host that refuses connections.
func deadHost(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func newHosts(t testing.TB, o Options) *Hosts {
	t.Helper()
	h, err := NewHosts(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// send makes a call and returns the answer with its body read.
func send(t testing.TB, h *Hosts, c Call) (Answer, string, error) {
	t.Helper()
	a, err := h.Send(t.Context(), &c)
	if err != nil {
		return a, "", err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	return a, string(body), err
}

func get(path string) Call { return Call{Method: http.MethodGet, Path: path} }

func post(path, body string) Call {
	return Call{Method: http.MethodPost, Path: path, Body: Bytes(body)}
}

// kindOf is the kind of err, "" where it is no Failure.
func kindOf(err error) Kind {
	if f, ok := err.(*Failure); ok {
		return f.Kind
	}
	return ""
}

// trickle is a body that comes a byte at a time, and never ends before done.
type trickle struct{ done chan struct{} }

func (b trickle) Size() int64            { return 1 << 20 }
func (b trickle) Held() bool             { return false }
func (b trickle) AppendTo([]byte) []byte { panic("it is not held") }
func (b trickle) Open() io.ReadCloser    { return io.NopCloser(b) }
func (b trickle) Repeatable() bool       { return false }
func (b trickle) Started() bool          { return true }
func (b trickle) Err() error             { return nil }
func (b trickle) Read(p []byte) (int, error) {
	select {
	case <-b.done:
		return 0, io.ErrUnexpectedEOF
	case <-time.After(5 * time.Millisecond):
		p[0] = 'x'
		return 1, nil
	}
}

// stored is a long body that can be read again.
type stored string

func (b stored) Size() int64            { return int64(len(b)) }
func (b stored) Held() bool             { return false }
func (b stored) AppendTo([]byte) []byte { panic("it is not held") }
func (b stored) Open() io.ReadCloser    { return io.NopCloser(strings.NewReader(string(b))) }
func (b stored) Repeatable() bool       { return true }
func (b stored) Started() bool          { return true }
func (b stored) Err() error             { return nil }

func eventually(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never happened: %s", what)
		}
	}
}
