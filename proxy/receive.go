package proxy

import (
	"fmt"
	"net/http"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/emulate"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// receive understands a call, says who makes it and for which account, and
// whether that may be. It fills in c and touches no body.
func (p *Proxy) receive(c *call) *answer.Refusal {
	if refusal := p.understand(c); refusal != nil {
		return refusal
	}
	if c.route.class == classToken || p.preflight(c) {
		return nil // the endpoint itself asks who calls, or nobody needs to know
	}
	id, refusal := identify(c)
	if refusal != nil {
		return refusal
	}
	c.client = id.Client
	if refusal := c.pickAccount(id.Account); refusal != nil {
		return refusal
	}
	if refusal := c.authorize(); refusal != nil {
		return refusal
	}
	if c.in.ContentLength > p.opts.MaxBody {
		return p.tooLong()
	}
	return nil
}

// understand reads the call's target, which can mean one thing only.
func (p *Proxy) understand(c *call) *answer.Refusal {
	if refusal := wellFormed(c.in); refusal != nil {
		return refusal
	}
	door, refusal := p.frontDoor(c.in)
	if refusal != nil {
		return refusal
	}
	c.door = door
	if c.target, refusal = parsePath(rawPath(c.in)); refusal != nil {
		return refusal
	}
	c.path, c.raw = c.target.path, c.target.raw
	if c.query, refusal = parseQuery(c.in.URL.RawQuery); refusal != nil {
		return refusal
	}
	c.platform = door
	if door == "" {
		c.platform = errcode.MP
	}
	c.route = routeOf(c.platform, c.path)
	if p.rebound(c) || access.CrossSite(c.in.Header, c.in.Host, p.welcome(c.path)) {
		return &answer.Refusal{Status: http.StatusForbidden, Message: "a page of another site made a browser send this call"}
	}
	return nil
}

// welcome says which origins of pages may call path; nil: none but our own.
func (p *Proxy) welcome(path string) func(origin string) bool {
	if !isJSSDK(path) {
		return nil
	}
	return func(origin string) bool {
		_, ok := emulate.CORS(origin, p.opts.JSSDKHosts)
		return ok
	}
}

// pickAccount resolves which account is meant, given the one the placeholder
// stands for, and whether the client may use it.
func (c *call) pickAccount(placeholder string) *answer.Refusal {
	n := naming{path: c.target.account, fromAppID: c.query.fromAppID, placeholder: placeholder, door: c.door}
	switch c.route.inject {
	case injectSecret:
		n.appID = c.query.appID
	case injectAppID:
		n.appID, n.lenient = c.query.appID, true
	}
	stranger := c.client == nil
	if stranger && c.route.inject == injectNothing {
		// WeChat wants nothing of ours, and whoever guesses names is to see no difference.
		c.upstream = c.dir.Upstreams[c.platform]
		return nil
	}
	account, refusal := c.dir.resolve(n, c.client)
	if stranger && c.route.inject == injectAppID && (account == nil || account.Platform != c.platform) {
		// Likewise: what names nobody goes on as it came. Strangers learn no names,
		// not from a contradiction either.
		c.upstream = c.dir.Upstreams[c.platform]
		return nil
	}
	switch {
	case refusal != nil:
		return refusal
	case account != nil:
		c.account, c.platform = account, account.Platform
	case c.route.inject == injectNothing || c.route.inject == injectAppID && c.query.appID != "":
		// WeChat wants nothing of ours here.
	case c.route.class == classOwn && c.path == "/":
		return greeting()
	default:
		return noAccount()
	}
	c.upstream = c.dir.Upstreams[c.platform]
	if c.client != nil && c.account != nil && !c.client.MayUse(c.account.Name) {
		return &answer.Refusal{Status: http.StatusForbidden, Message: fmt.Sprintf("client %q may not use account %q", c.client.Name, c.account.Name)}
	}
	return c.reroute()
}

// reroute finds the route anew, now that the platform is known for sure. What
// was decided by the other platform's route must not be used for this one.
func (c *call) reroute() *answer.Refusal {
	before := c.route
	c.route = routeOf(c.platform, c.path)
	switch {
	case c.client == nil && !c.route.keyless:
		return unauthorized(access.ErrNoKey)
	case before.inject != c.route.inject && before.inject != injectToken:
		return malformed(fmt.Sprintf("account %q is a WeCom agent: there is no %s", c.account.Name, c.path))
	}
	return nil
}

// authorize says whether the client may call this path, now.
func (c *call) authorize() *answer.Refusal {
	if v := c.mayCall(); !v.OK {
		return &answer.Refusal{Status: http.StatusForbidden, Message: v.Reason}
	}
	return c.takeRate()
}

// mayCall asks the rules for the path, and for the path without the slash at
// its end: WeChat might take it for that, and our own routes do.
func (c *call) mayCall() access.Decision {
	v := c.dir.Policy.MayCall(c.client, c.method, c.path)
	if bare := withoutSlash(c.path); v.OK && bare != c.path {
		return c.dir.Policy.MayCall(c.client, c.method, bare)
	}
	return v
}

func (c *call) takeRate() *answer.Refusal {
	if c.client == nil {
		return nil
	}
	wait, ok := c.client.Take(c.start)
	if ok {
		return nil
	}
	return &answer.Refusal{
		Status: http.StatusTooManyRequests, Kind: "connection_limit_reached",
		Message: fmt.Sprintf("client %q has used up its rate", c.client.Name), RetryAfter: max(wait, time.Millisecond),
	}
}

func (p *Proxy) tooLong() *answer.Refusal {
	return &answer.Refusal{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the body is longer than %d bytes", p.opts.MaxBody)}
}

func greeting() *answer.Refusal {
	return &answer.Refusal{Status: http.StatusNotFound, Message: "call a WeChat path, such as /cgi-bin/get_api_domain_ip"}
}
