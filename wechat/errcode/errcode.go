// Package errcode knows WeChat's numbers and what they mean to us.
//
// The same number means different things on api.weixin.qq.com and on
// qyapi.weixin.qq.com, and different things again from an endpoint that gives
// tokens and from one that takes them: 40001 is a stale token here and a wrong
// secret there. So [Classify] is asked with all three.
package errcode

// Platform is which of WeChat's two worlds a number comes from.
type Platform string

// The platforms.
const (
	MP    Platform = "mp"    // api.weixin.qq.com
	WeCom Platform = "wecom" // qyapi.weixin.qq.com
)

// Endpoint is what kind of endpoint answered.
type Endpoint string

// The kinds of endpoint.
const (
	API   Endpoint = "api"   // called with our access_token
	Token Endpoint = "token" // gives access_tokens for a secret
	User  Endpoint = "user"  // called with a user's token or code, or our secret: /sns/*
)

// Verdict is what to do about an errcode.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"      // it worked
	Renew   Verdict = "renew"   // the token was refused, the call not executed: renew and repeat
	Busy    Verdict = "busy"    // WeChat is in trouble: the caller may try later
	Limited Verdict = "limited" // a quota is used up
	Denied  Verdict = "denied"  // a "no" that only the operator can change: settings, IP, frozen
	Retired Verdict = "retired" // this access point is being switched off: resolve anew
	Caller  Verdict = "caller"  // the caller's own affair
)

// Classify says what to do about code. It never says Renew but of an API that
// was called with our token: renewing ours cannot mend a user's.
func Classify(p Platform, e Endpoint, code int) Verdict {
	c, known := lookup(p, code)
	switch {
	case code == 0:
		return OK
	case e == Token && (c.verdict == Renew || c.tokenNo):
		return Denied
	case !known:
		return Caller
	case e == User && c.verdict == Renew:
		return Caller
	default:
		return c.verdict
	}
}

// Name returns a short name for code, "" for one that is not in the table.
func Name(p Platform, code int) string {
	c, _ := lookup(p, code)
	return c.name
}

// Known reports whether code is in the table, so that a metric may have it as
// a label.
func Known(p Platform, code int) bool {
	_, ok := lookup(p, code)
	return ok
}
