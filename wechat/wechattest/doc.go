// Package wechattest simulates WeChat for tests and for the sandbox, in the
// manner of net/http/httptest. It is strict: a call that WeChat would not accept
// fails with WeChat's own errcode, errmsg and Content-Type. It can also misbehave
// on demand, as WeChat and the network do: see [Trouble].
//
// A [Server] listens on loopback, or serves without sockets through
// [Server.RoundTripper], which works inside a testing/synctest bubble.
// api.weixin.qq.com (MP) and qyapi.weixin.qq.com (WeCom) are two hosts: each has
// an address of its own, and in-process the request's Host tells them apart. A
// token of one host is unknown at the other, and the endpoints for tokens,
// tickets and logins of one are 404 at the other.
//
// The server knows the accounts in [Options] and gives out tokens by WeChat's
// rules:
//
//   - GET /cgi-bin/token: each fetch returns a new token. The previous one stays
//     valid for at most five more minutes, any older one ends at once.
//   - POST /cgi-bin/stable_token: the same token until the last five minutes of
//     its life, then a new one; both are valid until their own end. A forced
//     renewal ends the old token. It is granted 20 times a day (Beijing time), 30
//     seconds apart; otherwise the same token comes back.
//   - The two do not affect each other.
//   - WeCom's GET /cgi-bin/gettoken: the same token during its life, with the rest
//     of its life as expires_in.
//   - Tickets: the same one during its life, with expires_in always 7200.
//
// A call is checked for its access_token, then for method, body and quota.
// Uploads are measured, downloads are streamed. A path that is not modelled
// answers with an echo of the request. A chunked request body is answered 412
// with an empty body on every path.
//
// The clock is [Options].Now plus the sum of [Server.Advance]. The delays of a
// [Trouble] use the program's own clock.
//
// Where WeChat's documents say nothing, the server is strict: while an AppSecret
// is frozen, calls that need the secret fail and calls with a token work; the
// allow-list applies to MP's token endpoints and to all calls with an account's
// token, but not to WeCom's gettoken; a wrong secret is 40001 at /cgi-bin/token
// and 40125 elsewhere; two access_tokens in one call are 40014; a user's code
// works once; a call whose body is incomplete has no effect.
//
// The files:
//
//	doc.go        this overview
//	server.go     Server: its options, its two hosts, Listen and Close
//	tls.go        the self-signed certificate
//	clock.go      the simulated clock, and days in Beijing
//	account.go    accounts and the state of their tokens
//	control.go    what a test can do to an account: Expire, Reject, Freeze, ...
//	trouble.go    what a test can make go wrong: Trouble
//	journal.go    what a test can look at: Seen, Count, Issued, Await
//	transport.go  calls without sockets: RoundTripper
//	request.go    one call: its query, its body, its access_tokens
//	route.go      paths: which host has them, which credential they take, who serves them
//	admit.go      who may call: token, allow-list, permission
//	quota.go      quotas, and the endpoints that read and clear them
//	answer.go     the shape of an answer
//	messages.go   WeChat's errmsg for each errcode
//	deliver.go    sending an answer, or breaking it off
//	tokens.go     token, stable_token, gettoken
//	tickets.go    getticket, get_jsapi_ticket, ticket/get
//	sns.go        /sns/: logins and users' tokens
//	calls.go      messages, users, menus, rid/get, and the echo
//	upload.go     endpoints that take a file
//	download.go   endpoints that return a file
package wechattest
