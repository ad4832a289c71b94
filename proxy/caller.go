package proxy

import (
	"errors"
	"net/http"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
)

// offerOf gathers what a request carries that may say who calls.
func offerOf(r *http.Request) access.Offer {
	var o access.Offer
	if a := r.Header["Authorization"]; len(a) > 0 {
		if scheme, key, _ := strings.Cut(a[0], " "); strings.EqualFold(scheme, "Bearer") {
			o.Bearer = strings.TrimSpace(key)
		}
		if _, password, ok := r.BasicAuth(); ok {
			o.Basic = password
		}
	}
	if tls := r.TLS; tls != nil && len(tls.VerifiedChains) > 0 {
		o.Cert = tls.VerifiedChains[0][0].Subject.CommonName
	}
	return o
}

// identify says who calls, and which account the placeholder stands for. No
// client without a refusal: a stranger, on a path that needs no key.
func (d decision) identify(r *http.Request, dir *Directory) (access.Identity, *answer.Refusal) {
	o := offerOf(r)
	inject := d.route.inject
	if d.query.twice && (inject == injectSecret || inject == injectAppID) {
		return access.Identity{}, malformed("appid or secret has two different values")
	}
	if inject == injectSecret && d.query.secret != "" {
		return identifyBySecret(dir.Policy, o, d.query.secret)
	}
	if d.query.accessToken != "" {
		if _, ours := access.Parse(d.query.accessToken); ours && d.route.class == classUser {
			return access.Identity{}, badToken(errPlaceholderForUser)
		}
		if inject != injectNothing { // else it is a user's token
			o.Placeholder, o.Secret = d.query.accessToken, dir.secretOf
		}
	}
	id, err := dir.Policy.Identify(o)
	switch {
	case err == nil:
		return id, checkPlaceholder(o.Placeholder, id, dir)
	case d.route.keyless && (o.Bearer == "" && o.Basic == "" || !errors.Is(err, access.ErrWrongKey)):
		return access.Identity{}, nil // an unknown certificate is no key that was offered
	case errors.Is(err, access.ErrNoPlaceholder):
		return id, badToken(err)
	}
	return id, unauthorized(err)
}

var errPlaceholderForUser = errors.New("a placeholder was sent in place of a user's access_token")

// identifyBySecret says who calls where an SDK sends an AppSecret, which is a
// client key here. A key in a header decides before it.
func identifyBySecret(p *access.Policy, o access.Offer, secret string) (access.Identity, *answer.Refusal) {
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
// clients are anonymous: the SDK that holds it has to fetch another. Any other
// token is ignored there.
func checkPlaceholder(placeholder string, id access.Identity, dir *Directory) *answer.Refusal {
	if !dir.Policy.Anonymous() || id.Account == "" {
		return nil
	}
	a := dir.Accounts[id.Account]
	if a == nil || !access.Verify(placeholder, a.Secret, id.Client) {
		return badToken(access.ErrNoPlaceholder)
	}
	return nil
}

func unauthorized(err error) *answer.Refusal {
	what := "a client key is required: send it as Authorization: Bearer, or as the password of Basic authentication"
	if errors.Is(err, access.ErrWrongKey) {
		what = "unknown client key"
	}
	return &answer.Refusal{Status: http.StatusUnauthorized, Message: what, Err: err}
}

// badToken answers as WeChat would: then, and only then, an SDK fetches
// another token.
func badToken(err error) *answer.Refusal {
	return &answer.Refusal{
		Status: http.StatusOK, Errcode: codeInvalidToken,
		Message: "invalid credential, access_token is not a valid placeholder of this proxy: fetch a new one", Err: err,
	}
}

// wrongSecret answers as WeChat would to an SDK whose secret is no client key.
func wrongSecret() *answer.Refusal {
	return &answer.Refusal{
		Status: http.StatusOK, Errcode: codeInvalidSecret,
		Message: "invalid appsecret: this proxy expects a client key in its place", Err: access.ErrWrongKey,
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
