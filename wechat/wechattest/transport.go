package wechattest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync"
)

// RoundTripper returns a transport that calls the server in-process, without
// sockets, so that it works in a testing/synctest bubble. A request whose Host is
// qyapi.weixin.qq.com reaches WeCom, any other MP. Requests arrive as net/http
// would send them: a body of unknown length is chunked, one that is longer or
// shorter than its ContentLength is an error. Answers are streamed: a call does
// not end before its body is read or closed.
func (s *Server) RoundTripper() http.RoundTripper { return inProcess{s} }

type inProcess struct{ s *Server }

// RoundTrip implements [http.RoundTripper].
func (t inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	r, body := serverSide(ctx, req)
	pr, pw := io.Pipe()
	w := &pipeWriter{req: req, header: make(http.Header), pr: pr, pw: pw, cancel: cancel, ready: make(chan struct{})}
	body.wrong = w.abort
	left := context.AfterFunc(ctx, func() {
		w.abort(context.Cause(ctx))
		_ = body.Close()
	})
	go func() { // ends with the call: the client reads the answer or hangs up, or the server is closed
		defer cancel()
		t.s.ServeHTTP(w, r)
		w.finish()
		left()
		_ = body.Close()
	}()
	<-w.ready
	if w.err != nil {
		return nil, w.err
	}
	return w.resp, nil
}

// serverSide returns req as a server would receive it.
func serverSide(ctx context.Context, req *http.Request) (*http.Request, *sentBody) {
	r := req.Clone(ctx)
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	if _, set := r.Header["User-Agent"]; !set {
		r.Header.Set("User-Agent", "Go-http-client/1.1")
	} else if r.Header.Get("User-Agent") == "" {
		r.Header.Del("User-Agent")
	}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.Host == "" {
		r.Host = req.URL.Host
	}
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.RequestURI = req.URL.RequestURI()
	if u, err := url.ParseRequestURI(r.RequestURI); err == nil {
		r.URL = u
	}
	r.RemoteAddr = "127.0.0.1:1"
	r.TransferEncoding = nil
	body := &sentBody{body: req.Body, length: req.ContentLength}
	if req.Body == nil || req.Body == http.NoBody {
		body.body, body.length = http.NoBody, 0
	} else if req.ContentLength <= 0 {
		body.length = -1
		r.TransferEncoding = []string{"chunked"}
	}
	if body.length > 0 {
		r.Header.Set("Content-Length", fmt.Sprint(body.length))
	}
	r.ContentLength, r.Body = body.length, body
	return r, body
}

// sentBody is the body of a request that is being sent. A wrong length ends the
// call, as it does in net/http.
type sentBody struct {
	body   io.ReadCloser
	length int64 // announced; -1: chunked
	read   int64
	wrong  func(error)
	close  sync.Once
}

func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.read += int64(n)
	short := err == io.EOF && b.read < b.length
	if b.length >= 0 && (b.read > b.length || short) {
		err = fmt.Errorf("http: ContentLength=%d with Body length %d", b.length, b.read)
		b.wrong(err)
		return 0, err
	}
	if err != nil && err != io.EOF {
		b.wrong(err)
	}
	return n, err
}

func (b *sentBody) Close() error {
	var err error
	b.close.Do(func() { err = b.body.Close() })
	return err
}

// pipeWriter is the http.ResponseWriter of an in-process call.
type pipeWriter struct {
	req    *http.Request
	header http.Header
	pr     *io.PipeReader
	pw     *io.PipeWriter
	cancel context.CancelFunc

	mu    sync.Mutex
	ready chan struct{} // closed once resp or err is set
	began bool
	resp  *http.Response
	err   error
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.began {
		return
	}
	w.began = true
	header := maps.Clone(w.header)
	maps.DeleteFunc(header, func(_ string, v []string) bool { return len(v) == 0 })
	w.resp = &http.Response{
		Status:        fmt.Sprintf("%03d %s", status, http.StatusText(status)),
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          &answerBody{w.pr, w.cancel},
		ContentLength: -1,
		Request:       w.req,
	}
	var n int64
	if _, err := fmt.Sscan(w.header.Get("Content-Length"), &n); err == nil {
		w.resp.ContentLength = n
	} else {
		w.resp.TransferEncoding = []string{"chunked"}
	}
	close(w.ready)
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.req.Method == http.MethodHead || len(p) == 0 {
		return len(p), nil
	}
	return w.pw.Write(p)
}

func (w *pipeWriter) Flush() { w.WriteHeader(http.StatusOK) }

// abort ends the connection with err, or with the client's own reason if the
// client hung up.
func (w *pipeWriter) abort(err error) {
	if gone := context.Cause(w.req.Context()); gone != nil {
		err = gone
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.began {
		w.began = true
		w.err = err
		close(w.ready)
	}
	_ = w.pw.CloseWithError(err)
}

func (w *pipeWriter) finish() {
	w.WriteHeader(http.StatusOK)
	_ = w.pw.Close()
}

// answerBody is the answer's body as the client reads it. Closing it hangs up.
type answerBody struct {
	*io.PipeReader
	leave context.CancelFunc
}

func (b *answerBody) Close() error {
	err := b.PipeReader.Close()
	b.leave()
	return err
}
