package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// fetchTimeout bounds a fetch whose context has no deadline.
const fetchTimeout = 10 * time.Second

// question is what WeChat is asked, whichever host answers.
type question struct {
	platform errcode.Platform
	endpoint errcode.Endpoint
	path     string
	query    url.Values
	body     []byte   // nil: a GET
	once     bool     // asking twice makes a difference
	field    string   // of the answer, with the value
	secrets  []string // what no error may hold
}

// ask puts q to the hosts in order until one gives a credential, or WeChat's no,
// which another host would say too. executed reports, of an error, that WeChat
// may have done what it was asked.
func (c *Client) ask(ctx context.Context, q question) (got token.Fetched, executed bool, err error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
	}
	var no *errcode.Error
	call := q.call(ctx)
	began := c.now()
	call.Check = func(a wechat.Answer) (err error) {
		if ahead, ok := wechat.ClockAhead(a.Header.Get("Date"), began, c.now()); ok {
			c.offset.Store(&ahead)
		}
		got, err = q.readAnswer(a)
		if errors.As(err, &no) && no.Verdict() != errcode.Retired {
			return nil
		}
		no = nil
		return err
	}
	a, err := c.hosts.Send(ctx, call)
	if err == nil {
		_ = a.Body.Close() // read already
		if no != nil {
			err = fmt.Errorf("%s: %w", a.Host, no)
		}
	}
	if err == nil {
		return got, true, nil
	}
	if a.Before != "" {
		err = fmt.Errorf("%w (before that: %s)", err, a.Before)
	}
	var f *wechat.Failure
	executed = no == nil && (!errors.As(err, &f) || !f.Connect())
	return token.Fetched{}, executed, fmt.Errorf("%s: %w", q.path, err)
}

// call is q as a request.
func (q question) call(ctx context.Context) *wechat.Call {
	deadline, _ := ctx.Deadline()
	c := &wechat.Call{
		Method: http.MethodGet, Path: q.path, Query: q.query.Encode(), Repeat: wechat.RepeatAlways, Timeout: time.Until(deadline),
		Header: http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"identity"}, "User-Agent": {"wechat-token-proxy"}},
	}
	if q.body != nil {
		c.Method, c.Body = http.MethodPost, wechat.Bytes(q.body)
		c.Header.Set("Content-Type", "application/json")
	}
	if q.once {
		c.Repeat = wechat.RepeatNever
	}
	return c
}

// readAnswer reads an answer entirely and makes a credential of it.
func (q question) readAnswer(a wechat.Answer) (token.Fetched, error) {
	body, err := wechat.ReadPlain(a, maxAnswer)
	var broken *wechat.Failure
	switch {
	case errors.As(err, &broken):
		return token.Fetched{}, err
	case err != nil:
		return token.Fetched{}, answerError("too long, or badly compressed")
	}
	return q.read(a.StatusCode, body)
}

// statusError is an answer whose HTTP status says that it is no credential.
type statusError int

func (e statusError) Error() string {
	return strings.TrimSpace("HTTP status " + strconv.Itoa(int(e)) + " " + http.StatusText(int(e)))
}

// answerError says what is wrong with an answer.
type answerError string

func (e answerError) Error() string { return string(e) }

// forms lists what an error must not hold: s as it is, in a query and in quotes.
func forms(s secret.Secret) []string {
	if s.IsZero() {
		return nil
	}
	text := s.Reveal()
	quoted := strconv.Quote(text)
	return []string{text, url.QueryEscape(text), quoted[1 : len(quoted)-1]}
}

// mask takes the question's secrets out of WeChat's words. Words in which one
// hides behind other escapes are withheld.
func (q question) mask(s string) string {
	for _, known := range q.secrets {
		s = strings.ReplaceAll(s, known, secret.Mask)
	}
	if len(q.secrets) > 0 && secret.In(s, q.secrets[0]) {
		return secret.Mask
	}
	return s
}
