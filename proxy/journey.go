package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// errNoToken is why a call failed that got no token within its time.
var errNoToken = errors.New("timed out waiting for a token")

// journey carries a call to WeChat and back: it puts the credential in, sends,
// and, where WeChat rejected the token, does it again with another. It is the
// http.RoundTripper under the call's ReverseProxy.
type journey struct {
	c   *call
	out wechat.Call
}

// RoundTrip implements http.RoundTripper; in is ReverseProxy's request, of which
// only the header counts.
func (j *journey) RoundTrip(in *http.Request) (*http.Response, error) {
	c := j.c
	if c.hosts == nil {
		return nil, noAccount()
	}
	if err := c.readBody(); err != nil {
		return nil, err
	}
	j.out = wechat.Call{
		Method: c.method, Path: c.raw, Header: in.Header,
		Stranger: c.client == nil && !c.dir.Policy.Anonymous(),
	}
	if c.route.login {
		j.out.Repeat = wechat.RepeatNever
	}
	if c.body != nil {
		j.out.Body = c.body
	}
	if c.route.inject == injectToken {
		return j.withToken()
	}
	a, err := j.send(c.credentials())
	if err != nil {
		return nil, err
	}
	return j.deliver(a, c.secret())
}

// readBody takes in a short body, or one of unknown length, before it is sent.
func (c *call) readBody() error {
	if c.body == nil || c.body.size > smallBody {
		return nil
	}
	if err := c.body.readAll(); err != nil {
		return err
	}
	if c.body.size == 0 {
		c.body = nil
	}
	return nil
}

// withToken sends the call with the account's token, as often as the token's
// Use says.
func (j *journey) withToken() (*http.Response, error) {
	c := j.c
	before := time.Now()
	use, err := c.useToken()
	c.waited = time.Since(before)
	if err != nil {
		return nil, err
	}
	rest := without(c.query.raw, isOurs)
	for {
		use.Sending()
		a, err := j.send(with(rest, paramAccessToken, use.Value().Reveal()))
		if err != nil {
			return nil, err
		}
		switch verdict(c.platform, a) {
		case errcode.OK:
			use.Accepted()
		case errcode.Renew:
			if j.again(&use, a) {
				continue
			}
		}
		return j.deliver(a, use.Value().Reveal())
	}
}

// useToken waits for a token no longer than for WeChat itself.
func (c *call) useToken() (token.Use, error) {
	if use, ok := c.account.Token.UseNow(); ok {
		return use, nil
	}
	ctx, cancel := context.WithTimeout(c.in.Context(), c.hosts.Timeout())
	defer cancel()
	use, err := c.account.Token.Use(ctx)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		err = &token.Unavailable{Key: c.account.Token.Key(), RetryAfter: time.Second, Err: errNoToken}
	}
	return use, err
}

// send sends the call with that query. The context is the client's own: what
// ReverseProxy's adds is about interim answers, which nobody asked for.
func (j *journey) send(query string) (wechat.Answer, error) {
	c := j.c
	j.out.Query = query
	a, err := c.hosts.Send(c.in.Context(), &j.out)
	c.sends += a.Sends
	c.atWeChat += a.Took
	if a.Host != "" {
		c.host = a.Host
	}
	// One deadline covers all that WeChat takes; renewals of the token between do
	// not count.
	j.out.Timeout, j.out.Moved = a.Left, j.out.Moved || a.Moved
	return a, err
}

// again reports whether a rejected call is to be sent once more.
func (j *journey) again(use *token.Use, a wechat.Answer) bool {
	before := time.Now()
	again := use.Rejected(j.c.in.Context(), a.Code)
	j.c.waited += time.Since(before)
	if !again || j.c.body != nil && !j.c.body.Repeatable() {
		return false
	}
	j.c.renewed = true
	_ = a.Body.Close() // it was read entirely
	return true
}

// verdict says what an answer to a call with a token means for the token.
func verdict(p errcode.Platform, a wechat.Answer) errcode.Verdict {
	switch {
	case a.Found:
		return errcode.Classify(p, errcode.API, a.Code)
	case a.StatusCode >= 200 && a.StatusCode < 300:
		return errcode.OK
	}
	return errcode.Caller
}

// deliver hands WeChat's answer over, less the credential that it may carry.
func (j *journey) deliver(a wechat.Answer, secret string) (*http.Response, error) {
	c := j.c
	if a.Found {
		c.errcode, c.rid = a.Code, a.RID
	}
	if !a.Whole {
		a.Body = &delivered{a.Body, c}
	}
	scrub(a.Header, secret)
	if isRedirect(a.StatusCode) {
		dropBody(a.Response)
	}
	return a.Response, nil
}

// delivered is the body of an answer on its way to the client, and notes where
// WeChat broke it off.
type delivered struct {
	io.ReadCloser
	c *call
}

func (d *delivered) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if err != nil && err != io.EOF && d.c.in.Context().Err() == nil {
		d.c.err = err
	}
	return n, err
}

// credentials is the query of a call that wants no token of ours.
func (c *call) credentials() string {
	switch {
	case c.route.inject == injectSecret:
		return with(with(without(c.query.raw, isLogin), paramAppID, c.account.ID), paramSecret, c.account.Secret.Reveal())
	case c.route.inject == injectAppID && c.account != nil:
		return with(without(c.query.raw, isLogin), paramAppID, c.account.ID) // an SDK may send its secret here too, which is its client key
	case c.route.keyless && c.route.inject == injectNothing: // the access_token is a user's
		return without(c.query.raw, func(name string) bool { return name == paramFromAppID })
	case c.route.inject == injectAppID:
		return without(c.query.raw, func(name string) bool { return isOurs(name) || isSecret(name) })
	}
	return without(c.query.raw, isOurs)
}

// secret returns the AppSecret sent with the call, "" where none is.
func (c *call) secret() string {
	if c.route.inject != injectSecret {
		return ""
	}
	return c.account.Secret.Reveal()
}

// isOurs reports a parameter that is not the client's to send on.
func isOurs(name string) bool { return name == paramFromAppID || isAccessToken(name) }

func isLogin(name string) bool {
	return isOurs(name) || name == paramAppID || name == paramCorpID || isSecret(name)
}

// isSecret reports what an SDK sends as its secret: its client key.
func isSecret(name string) bool { return name == paramSecret || name == paramCorpSecret }

// with is the query and one more pair.
func with(query, name, value string) string {
	value = url.QueryEscape(value)
	if query == "" || strings.HasSuffix(query, "&") {
		return query + name + "=" + value
	}
	return query + "&" + name + "=" + value
}
