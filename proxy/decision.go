package proxy

import (
	"errors"
	"fmt"
	"net/http"
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
	by         identification // how the client and the account are found
	query      query
	bodyLength int64 // 0: no body; -1: unknown
}

// decision is what is known about a call before it is served: who makes it, for
// which account, and how its path and its body are handled. It never changes.
type decision struct {
	request
	client   *access.Client   // nil: no key was sent, or it is not known yet
	account  *Account         // nil: none is needed
	platform errcode.Platform // whose API is called
	hosts    *wechat.Hosts
	route    route
	bodyRule bodyRule
}

// decide finds out who makes a call, then for which account, then how it is
// handled, and whether that is allowed. It reads no body. With a refusal, the
// decision contains what is known so far, for the log.
func (p *Proxy) decide(r *http.Request, dir *Directory, now time.Time) (decision, *answer.Refusal) {
	req, refusal := p.parse(r)
	if refusal != nil {
		return decision{request: req, platform: req.hostPlatform}, refusal
	}
	if p.isDNSRebinding(r, req, dir.Policy) || access.CrossSite(r.Header, r.Host, p.allowedOrigins(req.path)) {
		return p.newDecision(req, dir, nil, nil), &answer.Refusal{Status: http.StatusForbidden, Message: "cross-site request from a browser"}
	}
	if req.by == byEndpoint || isPreflight(r, req.path) {
		return p.newDecision(req, dir, nil, nil), nil // see decideToken; a preflight has no key
	}
	client, account, refusal := req.caller(offerOf(r), dir)
	d := p.newDecision(req, dir, client, account)
	if refusal == nil {
		refusal = d.check(dir.Policy, now)
	}
	return d, refusal
}

// newDecision returns the decision for a client and an account, which may be nil.
// The platform is the account's, without one that of the host name, or MP.
func (p *Proxy) newDecision(req request, dir *Directory, client *access.Client, account *Account) decision {
	platform := req.hostPlatform
	if account != nil {
		platform = account.Platform
	}
	if platform == "" {
		platform = errcode.MP
	}
	route := routeOf(platform, req.path)
	return decision{
		request: req, client: client, account: account, platform: platform, hosts: dir.Upstreams[platform],
		route: route, bodyRule: bodyRuleOf(route, req.bodyLength, p.opts.MaxBody),
	}
}

// bodyRule is how a request body is received. The zero value is for a call that
// has none.
type bodyRule struct {
	max   int64 // bytes
	whole bool  // it is read to its end first; otherwise it is sent while it arrives
}

// bodyRuleOf returns the rule for a body of that length, -1 if it is unknown: WeChat
// has to be told the length. max is the limit for all bodies.
func bodyRuleOf(route route, length, max int64) bodyRule {
	switch {
	case length == 0:
		return bodyRule{}
	case route.own:
		return bodyRule{max: min(max, maxLocalBody), whole: true}
	}
	return bodyRule{max: max, whole: length <= heldBody}
}

// check returns why a call is refused, or nil.
func (d decision) check(policy *access.Policy, now time.Time) *answer.Refusal {
	switch {
	case d.client == nil: // the path needs no key
	case d.account == nil:
		if refusal := d.withoutAccount(); refusal != nil {
			return refusal
		}
	case !d.client.MayUse(d.account.Name):
		return &answer.Refusal{Status: http.StatusForbidden, Message: fmt.Sprintf("client %q may not use account %q", d.client.Name, d.account.Name)}
	case d.by != byPlaceholder && d.hostPlatform == "" && d.platform == errcode.WeCom: // the path is one of MP's only
		return malformed(fmt.Sprintf("WeCom has no path %s (account %q is a WeCom agent)", d.path, d.account.Name))
	}
	if refusal := d.authorize(policy, now); refusal != nil {
		return refusal
	}
	if d.bodyLength > d.bodyRule.max {
		return &answer.Refusal{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the request body is longer than %d bytes", d.bodyRule.max)}
	}
	return nil
}

// parse reads what a request says, or refuses it if that has two meanings.
func (p *Proxy) parse(r *http.Request) (req request, refusal *answer.Refusal) {
	req.method = r.Method
	if r.Body != nil && r.Body != http.NoBody {
		req.bodyLength = r.ContentLength
	}
	if refusal = checkForm(r); refusal != nil {
		return req, refusal
	}
	if req.hostPlatform, refusal = p.platformOfHost(r); refusal != nil {
		return req, refusal
	}
	if req.target, refusal = parsePath(rawPath(r)); refusal != nil {
		return req, refusal
	}
	req.by = identificationOf(req.hostPlatform, req.path)
	req.query, refusal = parseQuery(r.URL.RawQuery)
	return req, refusal
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
