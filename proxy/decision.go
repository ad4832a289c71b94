package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// request is what a client's request says.
type request struct {
	method string
	// hostPlatform is the platform whose host name the client used; "": the proxy's own.
	hostPlatform errcode.Platform
	target
	query query
}

// decision is what is known about a call before it is served: who makes it, for
// which account, and how its path is handled. It does not change after decide has
// returned it.
type decision struct {
	request
	client   *access.Client   // nil: no key was sent, or it is not known yet
	account  *Account         // nil: none is needed
	platform errcode.Platform // whose API is called
	hosts    *wechat.Hosts
	route    route
}

// decide finds out who makes a call and for which account, and whether they may.
// It reads no body. With a refusal, the decision contains what is known so far,
// for the log.
func (p *Proxy) decide(r *http.Request, dir *Directory, now time.Time) (decision, *answer.Refusal) {
	req, refusal := p.parse(r)
	if refusal != nil {
		return decision{request: req, platform: req.hostPlatform}, refusal
	}
	d := decision{request: req}.forAccount(dir, nil)
	if p.isRebinding(r, d, dir.Policy) || access.CrossSite(r.Header, r.Host, p.allowedOrigins(d.path)) {
		return d, &answer.Refusal{Status: http.StatusForbidden, Message: "cross-site request from a browser"}
	}
	if d.route.class == classToken || isPreflight(r, d.path) {
		return d, nil // the endpoint identifies the client itself, or does not need to
	}
	id, refusal := d.identify(r, dir)
	if refusal != nil {
		return d, refusal
	}
	if id.Client == nil {
		d = d.forUnknownClient(dir)
	} else if d, refusal = d.forClient(dir, id); refusal != nil {
		return d, refusal
	}
	if refusal := d.authorize(dir.Policy, now); refusal != nil {
		return d, refusal
	}
	if r.ContentLength > p.opts.MaxBody {
		return d, p.tooLong()
	}
	return d, nil
}

// parse reads what a request says, or refuses it if that has two meanings.
func (p *Proxy) parse(r *http.Request) (req request, refusal *answer.Refusal) {
	req.method = r.Method
	if refusal = checkForm(r); refusal != nil {
		return req, refusal
	}
	if req.hostPlatform, refusal = p.platformOfHost(r); refusal != nil {
		return req, refusal
	}
	if req.target, refusal = parsePath(rawPath(r)); refusal != nil {
		return req, refusal
	}
	req.query, refusal = parseQuery(r.URL.RawQuery)
	return req, refusal
}

// forAccount returns d for an account, whose platform determines the hosts and
// the route. Without an account it is the platform of the host name, or MP.
func (d decision) forAccount(dir *Directory, account *Account) decision {
	d.account, d.platform = account, d.hostPlatform
	if account != nil {
		d.platform = account.Platform
	}
	if d.platform == "" {
		d.platform = errcode.MP
	}
	d.hosts, d.route = dir.Upstreams[d.platform], routeOf(d.platform, d.path)
	return d
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
func (d decision) identify(r *http.Request, dir *Directory) (access.Identity, *answer.Refusal) {
	o := offerOf(r)
	inject := d.route.inject
	if d.query.conflict && (inject == injectSecret || inject == injectAppID) {
		return access.Identity{}, malformed("appid or secret has two different values")
	}
	if inject == injectSecret && d.query.secret != "" {
		return identifyBySecret(dir.Policy, o, d.query.secret)
	}
	if d.query.accessToken != "" {
		if _, ours := access.Parse(d.query.accessToken); ours && d.route.class == classUser {
			return access.Identity{}, badToken(errPlaceholderForUser)
		}
		if inject != injectNothing { // otherwise it is a user's token
			o.Placeholder, o.Secret = d.query.accessToken, dir.secretOf
		}
	}
	id, err := dir.Policy.Identify(o)
	switch {
	case err == nil:
		return id, checkPlaceholder(o.Placeholder, id, dir)
	case d.route.keyless && (o.Bearer == "" && o.Basic == "" || !errors.Is(err, access.ErrWrongKey)):
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

// authorize checks whether the client may call this path now.
func (d decision) authorize(policy *access.Policy, now time.Time) *answer.Refusal {
	if v := d.mayCall(policy); !v.OK {
		return &answer.Refusal{Status: http.StatusForbidden, Message: v.Reason}
	}
	return takeRate(d.client, now)
}

// mayCall applies the rules to the path, and to the path without a slash at its
// end, because WeChat might treat both alike. The proxy's own routes do.
func (d decision) mayCall(policy *access.Policy) access.Decision {
	v := policy.MayCall(d.client, d.method, d.path)
	if bare := trimSlash(d.path); v.OK && bare != d.path {
		return policy.MayCall(d.client, d.method, bare)
	}
	return v
}

// takeRate takes one call from the client's rate limit.
func takeRate(client *access.Client, now time.Time) *answer.Refusal {
	if client == nil {
		return nil
	}
	wait, ok := client.Take(now)
	if ok {
		return nil
	}
	return &answer.Refusal{
		Status: http.StatusTooManyRequests, Kind: "connection_limit_reached",
		Message: fmt.Sprintf("client %q has exceeded its rate limit", client.Name), RetryAfter: max(wait, time.Millisecond),
	}
}

func (p *Proxy) tooLong() *answer.Refusal {
	return &answer.Refusal{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the request body is longer than %d bytes", p.opts.MaxBody)}
}

func unauthorized(err error) *answer.Refusal {
	message := "a client key is required: send it as Authorization: Bearer, or as the password of Basic authentication"
	if errors.Is(err, access.ErrWrongKey) {
		message = "unknown client key"
	}
	return &answer.Refusal{Status: http.StatusUnauthorized, Message: message, Err: err}
}

// Errcodes of WeChat that the proxy answers with itself.
const (
	codeInvalidToken  = 40001
	codeInvalidAppID  = 40013
	codeInvalidSecret = 40125
)

// badToken answers as WeChat would, because an SDK fetches another token then.
func badToken(err error) *answer.Refusal {
	return &answer.Refusal{
		Status: http.StatusOK, Errcode: codeInvalidToken,
		Message: "invalid credential, access_token is not a valid placeholder of this proxy: fetch a new one", Err: err,
	}
}

// wrongSecret answers as WeChat would if an SDK's secret is not a client key.
func wrongSecret() *answer.Refusal {
	return &answer.Refusal{
		Status: http.StatusOK, Errcode: codeInvalidSecret,
		Message: "invalid appsecret: this proxy expects a client key in its place", Err: access.ErrWrongKey,
	}
}

// wrongAppID answers as WeChat would if an SDK's appid is unknown, or belongs to
// an account that the client may not use.
func wrongAppID() *answer.Refusal {
	return &answer.Refusal{Status: http.StatusOK, Errcode: codeInvalidAppID, Message: "invalid appid"}
}
