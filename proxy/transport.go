package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// errNoToken is the cause of a call's failure if no token was fetched in time.
var errNoToken = errors.New("timed out waiting for a token")

// transport is the http.RoundTripper under httputil.ReverseProxy.
type transport struct{}

// RoundTrip implements http.RoundTripper for the call in the context of in.
func (transport) RoundTrip(in *http.Request) (*http.Response, error) {
	return callOf(in.Context()).exchange()
}

// exchange adds the credential to a call, sends it to WeChat, and repeats it with
// another token if WeChat rejected the first.
func (c *call) exchange() (*http.Response, error) {
	if c.hosts == nil {
		return nil, noAccount()
	}
	if err := c.readBody(); err != nil {
		return nil, err
	}
	c.sent = wechat.Call{
		Method: c.method, Path: c.raw, Header: headerFor(c.in.Header),
		Stranger: c.client == nil && !c.dir.Policy.Anonymous(),
	}
	if c.route.login {
		c.sent.Repeat = wechat.RepeatNever
	}
	if c.body != nil {
		c.sent.Body = c.body
	}
	if c.route.inject == injectToken {
		return c.sendWithToken()
	}
	a, err := c.send(c.queryWithoutToken())
	if err != nil {
		return nil, err
	}
	return c.response(a, c.sentSecret()), nil
}

// readBody reads a body before the call is sent, if that is its rule.
func (c *call) readBody() error {
	if c.body == nil || !c.bodyRule.whole {
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

// sendWithToken sends the call with the account's token. The token's Use decides
// whether it is sent again.
func (c *call) sendWithToken() (*http.Response, error) {
	use, err := c.useToken()
	if err != nil {
		return nil, err
	}
	query := removeParams(c.query.raw, isProxyParam)
	for {
		use.Sending()
		sent := use.Value().Reveal() // Rejected may exchange it for another
		a, err := c.send(addParam(query, paramAccessToken, sent))
		if err != nil {
			return nil, err
		}
		switch tokenVerdict(c.platform, a) {
		case errcode.OK:
			use.Accepted()
		case errcode.Renew:
			if c.shouldRepeat(&use, a) {
				continue
			}
		}
		return c.response(a, sent), nil
	}
}

// useToken waits for a token as long as WeChat may take for an answer.
func (c *call) useToken() (token.Use, error) {
	if use, ok := c.account.Token.UseNow(); ok {
		return use, nil
	}
	ctx, cancel := context.WithTimeout(c.in.Context(), c.hosts.Timeout())
	defer cancel()
	start := time.Now()
	use, err := c.account.Token.Use(ctx)
	c.waited = time.Since(start)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		err = &token.Unavailable{Key: c.account.Token.Key(), RetryAfter: time.Second, Err: errNoToken}
	}
	return use, err
}

// send sends the call with a query. It uses the client's own context, because
// ReverseProxy's would pass on interim responses of WeChat.
func (c *call) send(query string) (wechat.Answer, error) {
	c.sent.Query = query
	a, err := c.hosts.Send(c.in.Context(), &c.sent)
	c.sends += a.Sends
	c.atWeChat += a.Took
	if a.Host != "" {
		c.host = a.Host
	}
	// WeChat's time is limited for all sends together. The time for renewing the
	// token between them does not count.
	c.sent.Timeout, c.sent.Moved = a.Left, c.sent.Moved || a.Moved
	return a, err
}

// shouldRepeat reports whether a call is to be sent again after WeChat rejected
// its token. It may wait for another one.
func (c *call) shouldRepeat(use *token.Use, a wechat.Answer) bool {
	start := time.Now()
	repeat := use.Rejected(c.in.Context(), a.Code)
	c.waited += time.Since(start)
	if !repeat || c.body != nil && !c.body.Repeatable() {
		return false
	}
	c.renewed = true
	_ = a.Body.Close() // it is read to its end
	return true
}

// tokenVerdict returns what an answer means for the token that was sent.
func tokenVerdict(p errcode.Platform, a wechat.Answer) errcode.Verdict {
	switch {
	case a.Found:
		return errcode.Classify(p, errcode.API, a.Code)
	case a.StatusCode >= 200 && a.StatusCode < 300:
		return errcode.OK
	}
	return errcode.Caller
}

// response returns WeChat's answer without the credential that was sent. It has moved
// the answer's header into the client's.
func (c *call) response(a wechat.Answer, secret string) *http.Response {
	if a.Found {
		c.errcode, c.rid = a.Code, a.RID
	}
	if !a.Whole {
		a.Body = &responseBody{a.Body, c}
	}
	scrub(a.Header, secret)
	if isRedirect(a.StatusCode) {
		dropBody(a.Response)
	}
	moveHeader(c.out.Header(), a.Header)
	a.Header = nil
	return a.Response
}

// responseBody is the body of an answer while it is copied to the client. It
// notes an error of WeChat's side.
type responseBody struct {
	io.ReadCloser
	c *call
}

func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && b.c.in.Context().Err() == nil {
		b.c.err = err
	}
	return n, err
}

// queryWithoutToken returns the query of a call that gets no access_token.
func (c *call) queryWithoutToken() string {
	raw := c.query.raw
	switch {
	case c.route.inject == injectSecret:
		q := addParam(removeParams(raw, isCredential), paramAppID, c.account.ID)
		return addParam(q, paramSecret, c.account.Secret.Reveal())
	case c.route.inject == injectAppID && c.account != nil:
		return addParam(removeParams(raw, isCredential), paramAppID, c.account.ID)
	case c.route.inject == injectAppID: // an SDK may send its client key as the secret
		return removeParams(raw, func(name string) bool { return isProxyParam(name) || isSecret(name) })
	case c.by == byUserToken: // the access_token goes on
		return removeParams(raw, func(name string) bool { return name == paramFromAppID })
	}
	return removeParams(raw, isProxyParam)
}

// sentSecret returns the AppSecret that was sent with the call, "" if none was.
func (c *call) sentSecret() string {
	if c.route.inject != injectSecret {
		return ""
	}
	return c.account.Secret.Reveal()
}

// isProxyParam reports a parameter that is meant for the proxy.
func isProxyParam(name string) bool {
	return name == paramFromAppID || isAccessToken(name) || isCloudbaseToken(name)
}

// isCredential reports a parameter that the proxy replaces, or keeps to itself.
func isCredential(name string) bool {
	return isProxyParam(name) || name == paramAppID || name == paramCorpID || isSecret(name)
}

// isSecret reports a parameter that SDKs send their secret in. Here it is the
// client key.
func isSecret(name string) bool { return name == paramSecret || name == paramCorpSecret }
