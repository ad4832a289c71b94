package proxy

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// statusClientClosed is the status in the record of a call whose client closed the
// connection. It is never sent.
const statusClientClosed = 499

// writeIdle is how long a client may take to read a piece of its answer.
const writeIdle = time.Minute

// Record describes a finished call. It contains no secret, no query and no body.
type Record struct {
	At       time.Time // when the request arrived
	ID       string    // X-Request-Id
	Client   string    // "" if clients are anonymous, or the client is unknown
	Account  string    // "" if none was found
	Platform errcode.Platform
	Method   string
	Path     string // decoded, as the client sent it
	Class    string // of the path, one of a few dozen names
	Status   int    // of a refusal its own, even if it was sent as 200; 499: the client closed the connection
	Errcode  int    // WeChat's, 0 if none
	RID      string // WeChat's
	Host     string // that answered, "" if none did
	Sends    int    // requests sent to WeChat
	Renewed  bool   // WeChat rejected the token, and the call was sent again
	Took     time.Duration
	AtWeChat time.Duration // part of Took: waiting for WeChat
	Waited   time.Duration // part of Took: waiting for a credential
	BytesIn  int64
	BytesOut int64
	Err      string // why the call was refused or failed, "" if it was not
	// Traceparent is the client's W3C traceparent, "" if it sent no valid one.
	Traceparent string
}

// responseWriter counts what a client is answered, and gives a client that reads
// slowly more time.
type responseWriter struct {
	http.ResponseWriter
	call          *call
	control       *http.ResponseController
	deadlineSetAt time.Time
	status        int
	bytes         int64
}

func (o *responseWriter) Unwrap() http.ResponseWriter { return o.ResponseWriter }

func (o *responseWriter) WriteHeader(status int) {
	if status < 200 {
		return // an interim response of WeChat
	}
	if o.status == 0 {
		o.status = status
		o.Header()["X-Request-Id"] = []string{o.call.id}
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *responseWriter) Write(p []byte) (int, error) {
	if o.status == 0 {
		o.WriteHeader(http.StatusOK)
	}
	if o.bytes > 0 { // the server's own deadline is for the first piece
		o.extend(time.Now())
	}
	n, err := o.ResponseWriter.Write(p)
	o.bytes += int64(n)
	return n, err
}

// extend gives the client more time for its answer, at most once a second.
func (o *responseWriter) extend(now time.Time) {
	if now.Sub(o.deadlineSetAt) < time.Second {
		return
	}
	o.deadlineSetAt = now
	if o.control == nil {
		o.control = http.NewResponseController(o.ResponseWriter)
	}
	_ = o.control.SetWriteDeadline(now.Add(writeIdle)) // it fails only if the server has no deadlines
}

// observe records and logs a finished call.
func (p *Proxy) observe(c *call, o *responseWriter) {
	if c.body != nil {
		c.bytesIn = c.body.received.Load()
		c.body.close()
	}
	r := c.record(o)
	if p.opts.OnCall != nil {
		p.opts.OnCall(r)
	}
	p.log(c, r)
}

func (c *call) record(o *responseWriter) Record {
	d := c.lastDecision()
	r := Record{
		At: c.start, ID: c.id, Platform: d.platform, Method: shorten(d.method, 64), Path: shorten(d.path, 256), Class: d.route.class,
		Status: o.status, Errcode: c.errcode, RID: c.rid, Host: c.host, Sends: c.sends, Renewed: c.renewed,
		Took: time.Since(c.start), AtWeChat: c.atWeChat, Waited: c.waited, BytesIn: c.bytesIn, BytesOut: o.bytes,
		Traceparent: c.traceparent,
	}
	if d.client != nil {
		r.Client = d.client.Name
	}
	if d.account != nil {
		r.Account = d.account.Name
	}
	if r.Class == "" {
		r.Class = "none" // it was refused before its path was read
	}
	if refusal := refusalIn(c.err); refusal != nil && o.status == http.StatusOK {
		r.Status = refusal.Status // PROXY_ERROR_STATUS=ok is meant for SDKs, not for metrics
	}
	if c.canceled || o.status == 0 && c.in.Context().Err() != nil {
		r.Status = statusClientClosed
	}
	r.Err = c.errText()
	return r
}

// shorten returns at most the first max bytes of s.
func shorten(s string, max int) string {
	if len(s) > max {
		return s[:max] + "…"
	}
	return s
}

// errText returns why a call was refused or failed, for the log.
func (c *call) errText() string {
	if c.err == nil {
		return ""
	}
	text := c.err.Error()
	if refusal := refusalIn(c.err); refusal != nil && refusal.Err != nil && refusal.Err.Error() != text {
		text += " (" + refusal.Err.Error() + ")"
	}
	return shorten(text, 512)
}

func (p *Proxy) log(c *call, r Record) {
	level := slog.LevelInfo
	switch {
	case r.Status == statusClientClosed:
		level = slog.LevelDebug
	case r.Err != "" && r.Status >= 500 || r.Status == 0:
		level = slog.LevelError
	case r.Err != "":
		level = slog.LevelWarn
	}
	ctx := c.in.Context()
	if !p.opts.Logger.Enabled(ctx, level) {
		return
	}
	weight := 1
	if level == slog.LevelInfo && r.Errcode == 0 && !r.Renewed && r.Status < 400 {
		if weight = p.sampler.weight(r.At.Add(r.Took)); weight == 0 {
			return
		}
	}
	attrs := make([]slog.Attr, 0, 20)
	add := func(a slog.Attr) { attrs = append(attrs, a) }
	add(slog.String("id", r.ID))
	if r.Client != "" {
		add(slog.String("client", r.Client))
	}
	if r.Account != "" {
		add(slog.String("account", r.Account))
	}
	add(slog.String("method", r.Method))
	add(slog.String("path", r.Path))
	add(slog.Int("status", r.Status))
	if r.Errcode != 0 {
		add(slog.Int("errcode", r.Errcode))
	}
	if r.RID != "" {
		add(slog.String("rid", r.RID))
	}
	if r.Host != "" {
		add(slog.String("host", r.Host))
	}
	if r.Sends > 1 {
		add(slog.Int("sends", r.Sends))
	}
	add(slog.Duration("took", r.Took))
	add(slog.Duration("wechat", r.AtWeChat))
	if r.Waited > time.Millisecond {
		add(slog.Duration("waited", r.Waited))
	}
	add(slog.Int64("in", r.BytesIn))
	add(slog.Int64("out", r.BytesOut))
	if weight > 1 {
		add(slog.Int("sampled", weight))
	}
	if r.Traceparent != "" {
		add(slog.String("trace", r.Traceparent[3:35]))
	}
	if r.Err != "" {
		add(slog.String("err", r.Err))
	}
	p.opts.Logger.LogAttrs(ctx, level, "call", attrs...)
}

// requestID returns the client's X-Request-Id if it is well-formed, or a new one.
func requestID(r *http.Request) string {
	if ids := r.Header["X-Request-Id"]; len(ids) == 1 && wellFormedID(ids[0]) {
		return ids[0]
	}
	return rand.Text()
}

func wellFormedID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// traceparent returns the client's W3C traceparent (version 00), or "" if there is
// no valid one. It is recorded, and not sent to WeChat.
func traceparent(r *http.Request) string {
	t := r.Header["Traceparent"]
	if len(t) != 1 || len(t[0]) != 55 || t[0][:3] != "00-" || t[0][35] != '-' || t[0][52] != '-' {
		return ""
	}
	trace, span := t[0][3:35], t[0][36:52]
	const hex = "0123456789abcdef"
	if strings.Trim(trace+span+t[0][53:], hex) != "" || strings.Trim(trace, "0") == "" || strings.Trim(span, "0") == "" {
		return ""
	}
	return t[0]
}

// Of the successful calls of a second, the first sampleAll are logged, and then
// every sampleRate-th, so that logging stays cheap. Errors are always logged.
const (
	sampleAll  = 200
	sampleRate = 100
)

// sampler picks the successful calls that are logged. It is safe for concurrent
// use. At the turn of a second it may pick a few more or fewer.
type sampler struct {
	second atomic.Int64 // Unix time
	calls  atomic.Int64 // in it
}

// weight returns how many calls the log line of this one stands for; 0: it is not
// logged.
func (s *sampler) weight(now time.Time) int {
	if second := now.Unix(); s.second.Load() != second {
		s.second.Store(second)
		s.calls.Store(0)
	}
	switch n := s.calls.Add(1); {
	case n <= sampleAll:
		return 1
	case n%sampleRate == 0:
		return sampleRate
	default:
		return 0
	}
}
