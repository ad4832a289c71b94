package proxy

import (
	"errors"
	"net/http"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// identification says what in a request tells the client and the account. A key
// in the header, /@account and from_appid count everywhere.
type identification int

const (
	byPlaceholder identification = iota // access_token is a placeholder: nearly all paths
	bySecret                            // secret is a client key, and appid names the account
	byAppID                             // no key is needed, and appid may name an account
	byUserToken                         // no key is needed, and access_token is a user's
	byKey                               // nothing else: access_token is a third party's
	byEndpoint                          // what the endpoint reads from the body, see decideToken
)

// keyless reports a path that may be called without a key, because an SDK has no
// place for one in the call, or sends it in the body.
func (i identification) keyless() bool { return i == byAppID || i == byUserToken || i == byEndpoint }

// identificationOf returns how the caller of a decoded path is identified. The
// account is not known then, so a path that only MP has counts as MP's, except
// under the host name of WeCom: there, none of them is open to callers without a
// key.
func identificationOf(host errcode.Platform, path string) identification {
	path = trimSlash(path)
	switch path {
	case "/cgi-bin/token", "/cgi-bin/stable_token", "/cgi-bin/gettoken":
		return byEndpoint
	}
	if host == errcode.WeCom {
		switch {
		case path == "/cgi-bin/webhook/send", path == "/cgi-bin/webhook/upload_media", strings.HasPrefix(path, "/cgi-bin/service/"):
			return byKey
		}
		return byPlaceholder
	}
	switch path {
	case "/sns/jscode2session", "/sns/oauth2/access_token":
		return bySecret
	case "/sns/oauth2/refresh_token":
		return byAppID
	case "/sns/userinfo", "/sns/auth":
		return byUserToken
	}
	if strings.HasPrefix(path, "/sns/component/") || strings.HasPrefix(path, "/sns/oauth2/component/") {
		return byKey
	}
	return byPlaceholder
}

// caller returns who makes a call, and for which account. Both may be nil.
func (r request) caller(o access.Offer, dir *Directory) (*access.Client, *Account, *answer.Refusal) {
	id, refusal := r.identify(o, dir)
	if refusal != nil {
		return nil, nil, refusal
	}
	if id.Client == nil {
		return nil, r.accountForStranger(dir), nil
	}
	account, refusal := dir.resolve(r.accountNames(id.Account), id.Client)
	return id.Client, account, refusal
}

// offerOf returns the credentials of a request's header and TLS connection.
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

// identify returns the client, and the account of its placeholder. If the path
// needs no key and none was sent, the client is nil.
func (r request) identify(o access.Offer, dir *Directory) (access.Identity, *answer.Refusal) {
	if r.query.conflict && (r.by == bySecret || r.by == byAppID) {
		return access.Identity{}, malformed("appid or secret has two different values")
	}
	if r.by == bySecret && r.query.secret != "" {
		return identifyBySecret(dir.Policy, o, r.query.secret)
	}
	if r.query.accessToken != "" {
		switch r.by {
		case byKey: // it is a third party's
		case byUserToken:
			if _, ours := access.Parse(r.query.accessToken); ours {
				return access.Identity{}, badToken(errPlaceholderForUser)
			}
		default:
			o.Placeholder, o.Secret = r.query.accessToken, dir.secretOf
		}
	}
	id, err := dir.Policy.Identify(o)
	switch {
	case err == nil:
		return id, checkPlaceholder(o.Placeholder, id, dir)
	case r.by.keyless() && (o.Bearer == "" && o.Basic == "" || !errors.Is(err, access.ErrWrongKey)):
		return access.Identity{}, nil // an unknown certificate does not count as a wrong key here
	case errors.Is(err, access.ErrNoPlaceholder):
		return id, badToken(err)
	}
	return id, unauthorized(err)
}

var errPlaceholderForUser = errors.New("a placeholder was sent in place of a user's access_token")

// identifyBySecret returns the client where an SDK sends an AppSecret: its value
// is a client key here. A key in the header takes precedence.
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

// checkPlaceholder verifies a placeholder if clients are anonymous: the SDK that
// sends an outdated one must fetch another. Any other token is ignored then.
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
