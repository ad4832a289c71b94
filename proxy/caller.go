package proxy

import (
	"errors"
	"net/http"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
)

// offerOf gathers what a request carries that may say who calls.
func offerOf(c *call) access.Offer {
	var o access.Offer
	if a := c.in.Header["Authorization"]; len(a) > 0 {
		if scheme, key, _ := strings.Cut(a[0], " "); strings.EqualFold(scheme, "Bearer") {
			o.Bearer = strings.TrimSpace(key)
		}
		if _, password, ok := c.in.BasicAuth(); ok {
			o.Basic = password
		}
	}
	if tls := c.in.TLS; tls != nil && len(tls.VerifiedChains) > 0 {
		o.Cert = tls.VerifiedChains[0][0].Subject.CommonName
	}
	if c.route.inject != injectNothing { // there it is a user's token
		o.Placeholder = c.query.accessToken
	}
	if o.Placeholder != "" { // else nobody needs a Secret
		o.Secret = c.dir.secretOf
	}
	return o
}

// identify says who calls, and which account the placeholder stands for.
func identify(c *call) (access.Identity, *answer.Refusal) {
	o := offerOf(c)
	if c.query.twice && (c.route.inject == injectSecret || c.route.inject == injectAppID) {
		return access.Identity{}, malformed("appid or secret is given twice, and differently")
	}
	if c.route.inject == injectSecret && c.query.secret != "" {
		return identifyBySecret(c, o, c.query.secret)
	}
	id, err := c.dir.Policy.Identify(o)
	switch {
	case err == nil:
		return id, c.checkPlaceholder(id)
	case c.route.keyless && (o.Bearer == "" && o.Basic == "" || !errors.Is(err, access.ErrWrongKey)):
		return access.Identity{}, nil // an unknown certificate is no key that was offered
	case errors.Is(err, access.ErrNoPlaceholder):
		return id, badToken(err)
	default:
		return id, unauthorized(err)
	}
}

// identifyBySecret says who calls where an SDK sends an AppSecret, which is a
// client key here. A key in a header decides before it.
func identifyBySecret(c *call, o access.Offer, secret string) (access.Identity, *answer.Refusal) {
	p := c.dir.Policy
	o.Placeholder = ""
	id, err := p.Identify(o)
	if err == nil {
		return id, nil
	}
	if o.Bearer == "" && o.Basic == "" {
		if client := p.ClientByKey(secret); client != nil {
			return access.Identity{Client: client}, nil
		}
	}
	return access.Identity{}, wrongSecret()
}

// checkPlaceholder refuses what once was, or claims to be, a placeholder where
// clients are anonymous: the SDK that holds it is to fetch another. Any other
// token is of no interest there.
func (c *call) checkPlaceholder(id access.Identity) *answer.Refusal {
	if !c.dir.Policy.Anonymous() || id.Account == "" {
		return nil
	}
	a := c.dir.Accounts[id.Account]
	if a == nil || !access.Verify(c.query.accessToken, a.Secret, id.Client) {
		return badToken(access.ErrNoPlaceholder)
	}
	return nil
}

func unauthorized(err error) *answer.Refusal {
	what := "this proxy wants a client key: Authorization: Bearer, or a Basic password"
	if errors.Is(err, access.ErrWrongKey) {
		what = "this client key is not known"
	}
	return &answer.Refusal{Status: http.StatusUnauthorized, Message: what, Err: err}
}

// badToken answers as WeChat would: then, and only then, an SDK fetches
// another token.
func badToken(err error) *answer.Refusal {
	return &answer.Refusal{
		Status: http.StatusOK, Errcode: codeInvalidToken,
		Message: "invalid credential, access_token is no valid placeholder of this proxy: fetch it again", Err: err,
	}
}

// wrongSecret answers as WeChat would to an SDK whose secret is no client key.
func wrongSecret() *answer.Refusal {
	return &answer.Refusal{
		Status: http.StatusOK, Errcode: codeInvalidSecret,
		Message: "invalid appsecret: this proxy takes a client key for it", Err: access.ErrWrongKey,
	}
}

// wrongAppID answers as WeChat would to an SDK whose appid is none of ours, or
// none of the client's.
func wrongAppID() *answer.Refusal {
	return &answer.Refusal{Status: http.StatusOK, Errcode: codeInvalidAppID, Message: "invalid appid"}
}

// Errcodes of WeChat's that we answer with.
const (
	codeInvalidToken  = 40001
	codeInvalidAppID  = 40013
	codeInvalidSecret = 40125
)
