// Package errcode knows WeChat's numbers and what they mean to us.
package errcode

// Platform is which of WeChat's two worlds a number comes from: the same
// number means different things in each.
type Platform string

// The platforms.
const (
	MP    Platform = "mp"    // api.weixin.qq.com
	WeCom Platform = "wecom" // qyapi.weixin.qq.com
)

// Endpoint is what kind of endpoint answered: 40001 from an API is a stale
// token, from a token endpoint a wrong secret.
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

// Error is an answer of WeChat's with an errcode.
type Error struct {
	Platform Platform
	Endpoint Endpoint
	Code     int
	Msg      string // WeChat's words, without the rid
	RID      string
}

// Answer is what Find found in the first bytes of a response.
type Answer struct {
	Code int
	Msg  string
	RID  string
}
