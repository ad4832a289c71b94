package proxy

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// RoundTrip carries the call to WeChat: it puts the credential in, sends, looks
// at the answer, and, where WeChat refused the token, does it again with
// another. It implements http.RoundTripper; in is ReverseProxy's request, whose
// URL is of no interest.
func (s *sender) RoundTrip(in *http.Request) (*http.Response, error) {
	c := s.c
	if c.upstream == nil {
		return nil, noAccount()
	}
	if c.body != nil && c.body.size <= smallBody { // or unknown, -1
		if err := c.body.readAll(); err != nil {
			return nil, err
		}
		if c.body.size == 0 {
			c.body = nil
		}
	}
	s.in, s.body, s.short = in, c.body, c.body.short()
	if c.route.inject == injectToken {
		return s.withToken()
	}
	r, err := s.sendRetired(c.credentials())
	if err != nil {
		return nil, err
	}
	return s.deliver(r, c.secret())
}

// withToken sends the call with the account's token, as often as the token's
// Use says.
func (s *sender) withToken() (*http.Response, error) {
	c := s.c
	before := time.Now()
	use, err := s.useToken()
	c.waited = time.Since(before)
	if err != nil {
		return nil, err
	}
	rest := without(c.query.raw, isOurs)
	for {
		use.Sending()
		r, err := s.sendRetired(with(rest, paramAccessToken, use.Value().Reveal()))
		if err != nil {
			return nil, err
		}
		switch verdict(c.platform, r) {
		case errcode.OK:
			use.Accepted()
		case errcode.Renew:
			if s.again(&use, r) {
				continue
			}
		}
		return s.deliver(r, use.Value().Reveal())
	}
}

// useToken waits for a token no longer than for WeChat itself.
func (s *sender) useToken() (token.Use, error) {
	c := s.c
	if use, ok := c.account.Token.UseNow(); ok {
		return use, nil
	}
	ctx, cancel := context.WithTimeout(c.in.Context(), c.upstream.timeout)
	defer cancel()
	use, err := c.account.Token.Use(ctx)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		err = &token.Unavailable{Key: c.account.Token.Key(), RetryAfter: time.Second, Err: errNoToken}
	}
	return use, err
}

// again reports that a refused call is to be sent once more.
func (s *sender) again(use *token.Use, r reply) bool {
	before := time.Now()
	again := use.Rejected(s.c.in.Context(), r.Code)
	waited := time.Since(before)
	s.c.waited += waited
	if until := s.untilNS.Load(); until != 0 {
		s.untilNS.Store(until + int64(waited)) // WeChat's time is not spent on renewals
	}
	if !again || !s.body.repeatable() {
		return false
	}
	s.c.renewed = true
	_ = r.Body.Close() // it was read entirely
	return true
}

// verdict says what an answer to a call with a token means for the token.
func verdict(p errcode.Platform, r reply) errcode.Verdict {
	switch {
	case r.found:
		return errcode.Classify(p, errcode.API, r.Code)
	case r.StatusCode >= 200 && r.StatusCode < 300:
		return errcode.OK
	default:
		return errcode.Caller
	}
}

// sendRetired sends the call, and once more over new connections where WeChat
// says that the access point it reached is retired: it was not executed there.
func (s *sender) sendRetired(query string) (reply, error) {
	used := s.c.upstream.pool.Load()
	r, err := s.send(query)
	if err != nil || !retired(s.c.platform, r) {
		return r, err
	}
	s.c.upstream.renew(used)
	if s.c.moved || !s.body.repeatable() {
		return r, nil
	}
	s.c.moved = true
	_ = r.Body.Close() // there is nothing in it for anybody
	return s.send(query)
}

func retired(p errcode.Platform, r reply) bool {
	return r.StatusCode == http.StatusGone ||
		r.found && errcode.Classify(p, errcode.API, r.Code) == errcode.Retired
}

// deliver hands WeChat's answer over, less the credential that it may carry.
func (s *sender) deliver(r reply, secret string) (*http.Response, error) {
	if r.found {
		s.c.errcode, s.c.rid = r.Code, r.RID
	}
	scrub(r.Header, secret)
	delete(r.Header, "X-Request-Id") // ours is answered
	return r.Response, nil
}

// credentials is the query of a call that wants no token of ours.
func (c *call) credentials() string {
	switch {
	case c.route.inject == injectSecret:
		return with(with(without(c.query.raw, isLogin), paramAppID, c.account.ID), paramSecret, c.account.Secret.Reveal())
	case c.route.inject == injectAppID && c.account != nil:
		return with(without(c.query.raw, isRefresh), paramAppID, c.account.ID)
	case c.route.keyless && c.route.inject == injectNothing: // the access_token is a user's
		return without(c.query.raw, func(name string) bool { return name == paramFromAppID })
	case c.route.inject == injectAppID:
		return without(c.query.raw, func(name string) bool { return isOurs(name) || isSecret(name) })
	default:
		return without(c.query.raw, isOurs)
	}
}

// secret is what of ours went into such a call.
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

// isRefresh: an SDK may send its secret here too, which is its client key.
func isRefresh(name string) bool { return isLogin(name) }

// with is the query and one more pair.
func with(query, name, value string) string {
	value = url.QueryEscape(value)
	if query == "" || strings.HasSuffix(query, "&") {
		return query + name + "=" + value
	}
	return query + "&" + name + "=" + value
}
