// Package errcode knows WeChat's errcodes: how to find one in an answer, what it
// means, what the proxy does about it and what an operator can do.
//
// The meaning of a number depends on the host and on the kind of endpoint: 40001
// is a stale token at an API of api.weixin.qq.com, but a wrong secret at its
// token endpoint and on all of qyapi.weixin.qq.com. [Classify] therefore takes
// the platform and the endpoint too.
//
// The files:
//
//	errcode.go  platforms, endpoints and verdicts; Classify, Name and Known
//	codes.go    the tables of errcodes, one for each platform
//	find.go     Find: the errcode in an answer
//	error.go    Error: an answer with an errcode as a Go error
//	advice.go   AdviceFor: what an operator can do, in English and Chinese
//	rid.go      CheckRID: the form of a rid
//	ip.go       SeenIP: the caller's IP address in an errmsg
package errcode

// Platform is one of WeChat's two platforms. Each has its own host, accounts,
// tokens and errcodes.
type Platform string

// The platforms.
const (
	MP    Platform = "mp"    // api.weixin.qq.com
	WeCom Platform = "wecom" // qyapi.weixin.qq.com
)

// Endpoint is the kind of endpoint that answered.
type Endpoint string

// The kinds of endpoint.
const (
	API   Endpoint = "api"   // called with the account's access_token
	Token Endpoint = "token" // returns access_tokens for a secret
	User  Endpoint = "user"  // /sns/*: called with a user's token or code, or with the secret
)

// Verdict is what to do about an errcode.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"      // success
	Renew   Verdict = "renew"   // the token was rejected, the call not executed: renew the token and repeat the call
	Busy    Verdict = "busy"    // WeChat has a problem: the caller may retry later
	Limited Verdict = "limited" // a quota is used up
	Denied  Verdict = "denied"  // only the operator can help: wrong settings, IP not allowed, account frozen
	Retired Verdict = "retired" // this access point is being retired: resolve the host name again
	Caller  Verdict = "caller"  // the caller's mistake, or its business
)

// Classify returns what to do about code. Unknown codes are Caller. Only an API
// endpoint can be Renew: renewing the account's token does not help a user's
// token.
func Classify(p Platform, e Endpoint, code int) Verdict {
	c, known := lookup(p, code)
	switch {
	case code == 0:
		return OK
	case e == Token && (c.verdict == Renew || c.final):
		return Denied
	case !known:
		return Caller
	case e == User && c.verdict == Renew:
		return Caller
	default:
		return c.verdict
	}
}

// Name returns a short English description of code, "" if it is unknown.
func Name(p Platform, code int) string {
	c, _ := lookup(p, code)
	return c.name
}

// Known reports whether the platform's table has code. Metrics use only known
// codes as label values.
func Known(p Platform, code int) bool {
	_, ok := lookup(p, code)
	return ok
}
