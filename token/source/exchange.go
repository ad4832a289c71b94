package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// question is what WeChat is asked, whichever host answers.
type question struct {
	platform errcode.Platform
	endpoint errcode.Endpoint
	path     string
	query    url.Values
	body     []byte   // nil: a GET
	repeat   []byte   // the body once an earlier one may have been executed; nil: body
	field    string   // of the answer, with the value
	secrets  []string // what no error may hold
}

// defaultTimeout bounds a fetch whose context has no deadline.
const defaultTimeout = 10 * time.Second

// ask puts q to the hosts in order until one answers. Every failure of a host
// is a reason to try the next: asking for a credential twice does no harm.
func (c *Client) ask(ctx context.Context, q question) (token.Fetched, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultTimeout)
		defer cancel()
	}
	if len(c.hosts) == 0 {
		return token.Fetched{}, errNoHosts
	}
	var trouble error
	for i, h := range c.hosts {
		got, connected, err := c.askHost(ctx, h, c.another(i), q)
		if err == nil {
			return got, nil
		}
		if connected && q.repeat != nil {
			q.body = q.repeat
		}
		if retired(err) {
			c.drop()
		}
		trouble = after(trouble, fmt.Errorf("%s: %w", h.name, err))
		if ctx.Err() != nil || isWeChats(err) && !retired(err) {
			break
		}
	}
	return token.Fetched{}, fmt.Errorf("%s: %w", q.path, trouble)
}

// after adds to err what went wrong before, in words only: what is decided is
// decided by the last word.
func after(before, err error) error {
	if before == nil {
		return err
	}
	return fmt.Errorf("%w (before that %s)", err, before)
}

// another reports whether a host behind the i-th is there to be tried.
func (c *Client) another(i int) bool {
	for _, h := range c.hosts[i+1:] {
		if h.base != nil && !h.resting() {
			return true
		}
	}
	return false
}

// askHost makes one attempt at h. connected says that h may have executed it.
func (c *Client) askHost(ctx context.Context, h *host, another bool, q question) (got token.Fetched, connected bool, err error) {
	if h.base == nil {
		return token.Fetched{}, false, errBadBase
	}
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, share(time.Until(deadline), another))
	defer cancel()
	var conn atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { conn.Store(true) }})
	got, err = h.breaker.Execute(func() (token.Fetched, error) { return c.exchange(ctx, h, q) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		err = errResting
	}
	return got, conn.Load(), err
}

// exchange sends q to h and reads the answer. It talks to the transport itself:
// an http.Client follows redirects, and quotes the URL in its errors.
func (c *Client) exchange(ctx context.Context, h *host, q question) (token.Fetched, error) {
	sent := c.now()
	resp, err := c.transport.RoundTrip(q.request(ctx, h.base))
	if err != nil {
		return token.Fetched{}, q.harmless(err)
	}
	defer resp.Body.Close()
	c.noteClock(resp.Header.Get("Date"), sent, c.now())
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return token.Fetched{}, fmt.Errorf("read the answer: %w", q.harmless(err))
	case len(body) > maxAnswer:
		return token.Fetched{}, answerError("is longer than 64 KiB")
	}
	return q.read(resp.StatusCode, body)
}

// request returns q as a request to the host at base.
func (q question) request(ctx context.Context, base *url.URL) *http.Request {
	u := *base
	u.Path += q.path
	u.RawQuery = q.query.Encode()
	r := (&http.Request{
		Method: http.MethodGet,
		URL:    &u,
		Host:   u.Host,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Accept":          {"application/json"},
			"Accept-Encoding": {"identity"},
			"User-Agent":      {"wechat-token-proxy"},
		},
	}).WithContext(ctx)
	if q.body != nil {
		r.Method = http.MethodPost
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = int64(len(q.body)) // WeChat's gateway refuses chunked bodies
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(q.body)), nil }
		r.Body, _ = r.GetBody()
	}
	return r
}

// noteClock compares WeChat's clock with ours, which showed sent and then got.
func (c *Client) noteClock(date string, sent, got time.Time) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return
	}
	middle := sent.Add(got.Sub(sent) / 2)
	d := theirs.Add(500 * time.Millisecond).Sub(middle) // a Date is cut to whole seconds
	c.offset.Store(&d)
}
