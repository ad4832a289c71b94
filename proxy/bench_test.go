package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// The load of all measurements here: a call as SDKs make it, and WeChat's
// answer to it.
const (
	benchTarget = "/cgi-bin/user/info?openid=o6_bmjrPTlm6_2sgVt7hMZOPfL2M&lang=zh_CN"
	benchAnswer = `{"subscribe":1,"openid":"o6_bmjrPTlm6_2sgVt7hMZOPfL2M","language":"zh_CN","subscribe_time":1382694957,"remark":"","g":0}`
)

// allocations returns how many one GET of target costs h.
func allocations(t *testing.T, h http.Handler, target string) float64 {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context()) // as net/http's server has it
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, "GET", target, nil)
	r.Header = benchHeader()
	w := &discard{header: http.Header{}}
	serve := func() {
		clear(w.header)
		w.bytes = 0
		h.ServeHTTP(w, r)
		if w.status != http.StatusOK || w.bytes != len(benchAnswer) {
			t.Fatalf("it answered %d with %d bytes", w.status, w.bytes)
		}
	}
	for range 10 {
		serve() // fills the pools
	}
	return testing.AllocsPerRun(1000, serve)
}

// discard is a ResponseWriter that allocates nothing.
type discard struct {
	header http.Header
	status int
	bytes  int
}

func (d *discard) Header() http.Header              { return d.header }
func (d *discard) WriteHeader(status int)           { d.status = status }
func (d *discard) Write(p []byte) (int, error)      { d.bytes += len(p); return len(p), nil }
func (d *discard) SetReadDeadline(time.Time) error  { return nil }
func (d *discard) SetWriteDeadline(time.Time) error { return nil }

// Each benchmark goes through a tuned bare ReverseProxy and through this one,
// over loopback. Client and backend allocate nothing per call, so the figures
// are the proxy's. CPU ratios come from testdata/perf/compare.sh.
func BenchmarkProxy(b *testing.B) {
	small, large := bytes.Repeat([]byte("x"), 1<<10), bytes.Repeat([]byte("x"), 64<<10)
	for _, c := range []struct {
		name, method, target string
		body                 []byte
		answer               int // bytes
	}{
		{"GET", "GET", benchTarget, nil, len(benchAnswer)},
		{"POST_1KiB", "POST", "/cgi-bin/message/custom/send?x=y", small, len(benchAnswer)},
		{"POST_64KiB", "POST", "/cgi-bin/message/custom/send?x=y", large, len(benchAnswer)},
		{"GET_1MiB", "GET", "/cgi-bin/media/get?media_id=x", nil, 1 << 20},
	} {
		for _, which := range []string{"bare", "proxy", "proxy_logged"} {
			b.Run(c.name+"/"+which, func(b *testing.B) {
				url, target := benchServer(b, which, c.target)
				benchCalls(b, url, benchRequest(c.method, target, c.body), c.answer, false)
			})
		}
	}
	for _, which := range []string{"bare", "proxy", "proxy_logged"} {
		b.Run("GET_parallel/"+which, func(b *testing.B) {
			url, target := benchServer(b, which, benchTarget)
			benchCalls(b, url, benchRequest("GET", target, nil), len(benchAnswer), true)
		})
	}
}

// benchServer serves as which says, before a backend that answers at once.
func benchServer(b *testing.B, which, target string) (address, itsTarget string) {
	b.Helper()
	backend := benchBackend(b)
	var h http.Handler
	switch which {
	case "bare":
		transport := benchTransport()
		b.Cleanup(transport.CloseIdleConnections)
		h, target = bareProxy(transport, backend), target+"&access_token="+benchToken()
	case "proxy":
		h = benchProxy(b, backend, nil, Options{})
	default:
		h = benchProxy(b, backend, nil, loud())
	}
	server := httptest.NewServer(h)
	b.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), target
}

// benchTransport is as well tuned as package wechat's.
func benchTransport() *http.Transport {
	return &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 512, IdleConnTimeout: time.Minute, DisableCompression: true, DialContext: servetest.Loopback}
}

// bareProxy is a ReverseProxy that is as well tuned as it gets, and knows
// nothing of tokens.
func bareProxy(transport http.RoundTripper, upstream string) http.Handler {
	u, _ := url.Parse(upstream) // a constant, or httptest's
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = u.Scheme, u.Host, u.Host
		},
		Transport: transport, BufferPool: newBuffers(),
	}
}

// benchProxy is a Proxy with one account, whose token is there.
func benchProxy(t testing.TB, upstream string, transport http.RoundTripper, o Options) *Proxy {
	t.Helper()
	m := token.NewManager(token.Options{})
	t.Cleanup(m.Close)
	source := token.SourceFunc(func(context.Context, token.FetchRequest) (token.Fetched, error) {
		return token.Fetched{Value: secret.New(benchToken()), ExpiresIn: 2 * time.Hour}, nil
	})
	m.Set([]token.Account{{Name: "shop", ID: shopID, Credentials: []token.Spec{{Kind: token.AccessToken, Source: source, Schedule: token.StableSchedule()}}}})
	keeper := m.Keeper("shop", token.AccessToken)
	if _, err := keeper.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Two hosts, as there are by default; the first one answers.
	u, err := wechat.NewHosts(wechat.Options{BaseURLs: []string{upstream, upstream}, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	policy, err := access.New(access.Options{Anonymous: true, Deny: []string{"/cgi-bin/clear_quota*", "/cgi-bin/openapi/quota/clear", "/cgi-bin/openapi/rid/get", "/cgi-bin/component/*", "/tcb/usecloudaccesstoken"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	shop := &Account{Name: "shop", ID: shopID, Platform: errcode.MP, Secret: secret.New(shopSecret), Token: keeper}
	p := New(o)
	p.Use(&Directory{
		Accounts: map[string]*Account{"shop": shop}, ByID: map[string][]*Account{shopID: {shop}}, Default: shop,
		Policy: policy, Upstreams: map[errcode.Platform]*wechat.Hosts{errcode.MP: u},
	})
	return p
}

// loud are a program's settings, but for what metrics cost: package admin has a
// test of its own for that.
func loud() Options {
	return Options{Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)), OnCall: func(Record) {}}
}

func benchToken() string { return strings.Repeat("0", 157) }

func benchHeader() http.Header {
	return http.Header{"User-Agent": {"bench/1"}, "Accept": {"*/*"}, "Accept-Language": {"zh-CN"}}
}

// benchRequest is a request as it goes over the wire.
func benchRequest(method, target string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, target)
	_ = benchHeader().Write(&b) // a buffer takes everything
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// benchCalls sends request over and over. answer is the length of the body that
// comes back.
func benchCalls(b *testing.B, address string, request []byte, answer int, parallel bool) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(request) + answer))
	if !parallel {
		c := newBenchClient(b, address)
		c.call(b, request, answer)
		for b.Loop() {
			c.call(b, request, answer)
		}
		return
	}
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		c := newBenchClient(b, address)
		for pb.Next() {
			c.call(b, request, answer)
		}
	})
}

// benchClient is an HTTP client that allocates nothing per call.
type benchClient struct {
	conn net.Conn
	r    *bufio.Reader
}

func newBenchClient(b *testing.B, address string) *benchClient {
	conn, err := servetest.Loopback(b.Context(), "tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &benchClient{conn, bufio.NewReaderSize(conn, 64<<10)}
}

func (c *benchClient) call(b *testing.B, request []byte, answer int) {
	if _, err := c.conn.Write(request); err != nil {
		b.Error(err)
		return
	}
	h, err := readHead(c.r)
	if err != nil || !h.fine || h.length != answer {
		b.Errorf("%+v, %v; want a body of %d bytes", h, err, answer)
		return
	}
	if _, err := c.r.Discard(h.length); err != nil {
		b.Error(err)
	}
}

// head is what matters of the head of a request or an answer.
type head struct {
	fine   bool // an answer of 200, or a request with a token
	media  bool // a request for much
	length int  // of the body
}

func readHead(r *bufio.Reader) (h head, err error) {
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		switch {
		case err != nil:
			return h, err
		case first:
			h.fine = bytes.HasPrefix(line, []byte("HTTP/1.1 200")) || bytes.Contains(line, []byte("access_token="))
			h.media = bytes.Contains(line, []byte("media_id="))
		case len(line) <= 2:
			return h, nil
		case bytes.HasPrefix(line, []byte("Content-Length: ")):
			if h.length, err = strconv.Atoi(string(bytes.TrimSpace(line[16:]))); err != nil {
				return h, err
			}
		}
	}
}

// benchBackend answers as WeChat would, at once and without allocating.
func benchBackend(b testing.TB) (url string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	response := func(status, body string) []byte {
		return fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Type: application/json; encoding=utf-8\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	}
	small, large := response("200 OK", benchAnswer), response("200 OK", strings.Repeat("x", 1<<20))
	missing := response("400 Bad Request", "no access_token")
	serve := func(conn net.Conn) {
		defer conn.Close()
		r := bufio.NewReaderSize(conn, 64<<10)
		for {
			h, err := readHead(r)
			if err != nil {
				return // the proxy hung up
			}
			answer := small
			switch {
			case !h.fine:
				answer = missing
			case h.media:
				answer = large
			}
			if _, err := r.Discard(h.length); err != nil {
				return
			}
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			conns.Go(func() { serve(conn) })
		}
	})
	b.Cleanup(func() {
		_ = l.Close()
		conns.Wait() // the proxy's connections were closed before
	})
	return "http://" + l.Addr().String()
}
