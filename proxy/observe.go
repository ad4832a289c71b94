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

// statusGone is what is noted of a call whose client hung up. It is never sent.
const statusGone = 499

// writeIdle is how long a client may take to read a piece of its answer.
const writeIdle = time.Minute

// Record is what there is to say about a finished call. It holds no secret, no
// query and no body.
type Record struct {
	At       time.Time // when it came
	ID       string    // its X-Request-Id
	Client   string    // "" where clients are anonymous, or nobody is known
	Account  string    // "" where none was found
	Platform errcode.Platform
	Method   string
	Path     string // decoded: the client's own words
	Class    string // of the path: one of a few dozen
	Status   int    // a refusal's own, also where it was sent as 200; 499: the client hung up
	Errcode  int    // WeChat's, 0 without
	RID      string // WeChat's
	Host     string // that answered, "" where none did
	Sends    int    // requests sent to WeChat
	Renewed  bool   // the token was rejected, and the call sent again
	Took     time.Duration
	AtWeChat time.Duration // of which WeChat was waited for
	Waited   time.Duration // of which a credential was waited for
	BytesIn  int64
	BytesOut int64
	Err      string // of a call that we refused or that failed, in words
	// Traceparent is the client's W3C traceparent, "" without a valid one.
	Traceparent string
}

// observed notes what a client is answered.
type observed struct {
	http.ResponseWriter
	call    *call
	control *http.ResponseController
	granted time.Time // when the client was given more time last
	status  int
	bytes   int64
}

func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }

func (o *observed) WriteHeader(status int) {
	if status < 200 {
		return // nobody asked for WeChat's interim answers
	}
	if o.status == 0 {
		o.status = status
		o.Header()["X-Request-Id"] = []string{o.call.id}
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *observed) Write(p []byte) (int, error) {
	if o.status == 0 {
		o.WriteHeader(http.StatusOK)
	}
	if o.bytes > 0 { // the first piece has the server's own time
		o.extend(time.Now())
	}
	n, err := o.ResponseWriter.Write(p)
	o.bytes += int64(n)
	return n, err
}

// extend gives the client more time for its answer. Like [spool.extend], not at
// every write.
func (o *observed) extend(now time.Time) {
	if now.Sub(o.granted) < time.Second {
		return
	}
	o.granted = now
	if o.control == nil {
		o.control = http.NewResponseController(o.ResponseWriter)
	}
	_ = o.control.SetWriteDeadline(now.Add(writeIdle)) // where it cannot be set there is none
}

// observe ends a call: one line, one observation.
func (p *Proxy) observe(c *call, o *observed) {
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

func (c *call) record(o *observed) Record {
	r := Record{
		At: c.start, ID: c.id, Platform: c.platform, Method: short(c.method), Path: shortPath(c.path), Class: c.route.class,
		Status: o.status, Errcode: c.errcode, RID: c.rid, Host: c.host, Sends: c.sends, Renewed: c.renewed,
		Took: time.Since(c.start), AtWeChat: c.atWeChat, Waited: c.waited, BytesIn: c.bytesIn, BytesOut: o.bytes,
		Traceparent: c.traceparent,
	}
	if c.client != nil {
		r.Client = c.client.Name
	}
	if c.account != nil {
		r.Account = c.account.Name
	}
	if r.Class == "" {
		r.Class = "none" // it was refused before it was understood
	}
	if refusal := refusalIn(c.err); refusal != nil && o.status == http.StatusOK {
		r.Status = refusal.Status // PROXY_ERROR_STATUS=ok is for SDKs, not for who counts
	}
	if c.gone || o.status == 0 && c.in.Context().Err() != nil {
		r.Status = statusGone
	}
	r.Err = c.inWords()
	return r
}

// shortPath bounds what is noted of a client's own words.
func shortPath(path string) string {
	if len(path) > 256 {
		return path[:256] + "…"
	}
	return path
}

// inWords says why a call was refused, or failed, for the log.
func (c *call) inWords() string {
	if c.err == nil {
		return ""
	}
	words := c.err.Error()
	if refusal := refusalIn(c.err); refusal != nil && refusal.Err != nil && refusal.Err.Error() != words {
		words += " (" + refusal.Err.Error() + ")"
	}
	if len(words) > 512 {
		words = words[:512] + "…"
	}
	return words
}

func (p *Proxy) log(c *call, r Record) {
	level := slog.LevelInfo
	switch {
	case r.Status == statusGone:
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

// requestID is the client's own X-Request-Id, if it is one, or a new one.
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

// traceparent is the client's W3C traceparent (version 00), "" without a valid
// one. It is noted, and not sent to WeChat.
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

// Of the good calls of a second, the first ones are logged, then every so
// many-th: a log must not cost more than the calls. Errors are always logged.
const (
	sampleAll  = 200
	sampleRate = 100
)

// sampler picks the good calls that are logged. It is safe for concurrent use;
// around the turn of a second it may pick a few more or less.
type sampler struct {
	second atomic.Int64 // Unix time
	calls  atomic.Int64 // in it
}

// weight returns how many calls the line of this one stands for; 0: it gets
// none.
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
