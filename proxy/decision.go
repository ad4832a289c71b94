package proxy

import (
	"fmt"
	"net/http"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// request is what a client's request says, read in the one way it can be read.
type request struct {
	method string
	// named is the platform whose host name the client used; "": it used ours.
	named errcode.Platform
	target
	query query
}

// decision is what the front half of the proxy found out about a call, and the
// back half goes by: who calls, for which account, which route the path takes.
// It is a value, and nobody changes it once receive has returned it.
type decision struct {
	request
	client   *access.Client   // nil: nobody who showed a key, or nobody yet
	account  *Account         // nil: none is needed
	platform errcode.Platform // whose API is called
	hosts    *wechat.Hosts
	route    route
}

// receive understands a call, finds out who makes it and for which account, and
// whether that is allowed. It reads no body. With a refusal the decision goes as
// far as is known, for the log.
func (p *Proxy) receive(r *http.Request, dir *Directory, now time.Time) (decision, *answer.Refusal) {
	req, refusal := p.understand(r)
	if refusal != nil {
		return decision{request: req, platform: req.named}, refusal
	}
	d := decision{request: req}.on(dir, nil)
	if p.rebound(r, d, dir.Policy) || access.CrossSite(r.Header, r.Host, p.allowedOrigins(d.path)) {
		return d, &answer.Refusal{Status: http.StatusForbidden, Message: "cross-site request from a browser"}
	}
	if d.route.class == classToken || p.preflight(r, d.path) {
		return d, nil // the endpoint itself finds out who calls, or need not know
	}
	id, refusal := d.identify(r, dir)
	if refusal != nil {
		return d, refusal
	}
	if id.Client == nil {
		d = d.forStranger(dir)
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

// understand reads a request's target, which can mean one thing only.
func (p *Proxy) understand(r *http.Request) (req request, refusal *answer.Refusal) {
	req.method = r.Method
	if refusal = wellFormed(r); refusal != nil {
		return req, refusal
	}
	if req.named, refusal = p.frontDoor(r); refusal != nil {
		return req, refusal
	}
	if req.target, refusal = parsePath(rawPath(r)); refusal != nil {
		return req, refusal
	}
	req.query, refusal = parseQuery(r.URL.RawQuery)
	return req, refusal
}

// on is d for account, whose platform decides about hosts and route. For no
// account it is the platform that the host name says, or MP.
func (d decision) on(dir *Directory, account *Account) decision {
	d.account, d.platform = account, d.named
	if account != nil {
		d.platform = account.Platform
	}
	if d.platform == "" {
		d.platform = errcode.MP
	}
	d.hosts, d.route = dir.Upstreams[d.platform], routeOf(d.platform, d.path)
	return d
}

// names is everything in the call that may name an account.
func (d decision) names(placeholder string) naming {
	n := naming{path: d.target.account, fromAppID: d.query.fromAppID, placeholder: placeholder, host: d.named}
	switch d.route.inject {
	case injectSecret:
		n.appID = d.query.appID
	case injectAppID:
		n.appID, n.lenient = d.query.appID, true
	}
	return n
}

// forClient finds the account that a client means, and with it the route.
func (d decision) forClient(dir *Directory, id access.Identity) (decision, *answer.Refusal) {
	d.client = id.Client
	account, refusal := dir.resolve(d.names(id.Account), d.client)
	if refusal != nil {
		return d, refusal
	}
	if account == nil {
		return d, d.withoutAccount()
	}
	addressed := d.route.inject // as the path reads before the account is known
	d = d.on(dir, account)
	if !d.client.MayUse(account.Name) {
		return d, &answer.Refusal{Status: http.StatusForbidden, Message: fmt.Sprintf("client %q may not use account %q", d.client.Name, account.Name)}
	}
	if addressed != d.route.inject && addressed != injectToken {
		return d, malformed(fmt.Sprintf("account %q is a WeCom agent, and WeCom does not have %s", account.Name, d.path))
	}
	return d, nil
}

// withoutAccount refuses a call that names no account, where it needs one.
func (d decision) withoutAccount() *answer.Refusal {
	switch {
	case d.route.inject == injectNothing, d.route.inject == injectAppID && d.query.appID != "":
		return nil
	case d.route.class == classOwn && d.path == "/":
		return greeting()
	}
	return noAccount()
}

// forStranger finds the account of a call that needs no key. Whoever guesses
// names sees no difference: one that is not there, or contradicts another, names
// nothing.
func (d decision) forStranger(dir *Directory) decision {
	if d.route.inject != injectAppID {
		return d
	}
	account, refusal := dir.resolve(d.names(""), nil)
	if refusal != nil || account == nil || account.Platform != d.platform {
		return d
	}
	return d.on(dir, account)
}

// authorize says whether the client may call this path, now.
func (d decision) authorize(policy *access.Policy, now time.Time) *answer.Refusal {
	if v := d.mayCall(policy); !v.OK {
		return &answer.Refusal{Status: http.StatusForbidden, Message: v.Reason}
	}
	return takeRate(d.client, now)
}

// mayCall asks the rules for the path, and for the path without the slash at its
// end: WeChat might take it for that, and our own routes do.
func (d decision) mayCall(policy *access.Policy) access.Decision {
	v := policy.MayCall(d.client, d.method, d.path)
	if bare := withoutSlash(d.path); v.OK && bare != d.path {
		return policy.MayCall(d.client, d.method, bare)
	}
	return v
}

// takeRate takes one call from the client's rate.
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

func greeting() *answer.Refusal {
	return &answer.Refusal{Status: http.StatusNotFound, Message: "call a WeChat path, such as /cgi-bin/get_api_domain_ip"}
}
