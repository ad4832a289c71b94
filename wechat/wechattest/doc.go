// Package wechattest is WeChat for tests and for the sandbox, in the manner of
// net/http/httptest: strict, and difficult on purpose. What WeChat would
// refuse it refuses, with WeChat's own number, words and Content-Type, and it
// can be told to misbehave in the ways WeChat and the network between do.
//
// A [Server] listens on loopback, or serves without any socket through
// [Server.RoundTripper], which works inside a testing/synctest bubble.
// api.weixin.qq.com (MP) and qyapi.weixin.qq.com (WeCom) are two hosts, told
// apart by the address that is called, in-process by the Host: a token of one
// is unknown at the other, and so are the paths that give credentials. It
// knows the accounts it was told of and hands out tokens by WeChat's rules:
//
//   - GET /cgi-bin/token: each fetch gives a new token; its predecessor lives
//     five more minutes at most, any older one dies at once.
//   - POST /cgi-bin/stable_token: the same token until the last five minutes
//     of its life, then a new one; both work until the old one's own end. A
//     forced renewal kills the old one; it is granted 20 times a day (Beijing
//     time), 30 seconds apart, and otherwise the same token comes back.
//   - The two are isolated from each other.
//   - WeCom's GET /cgi-bin/gettoken: the same token during its life, with what
//     is left of it as expires_in.
//   - Tickets: the same one during its life, and expires_in always 7200.
//
// Calls are admitted by their access_token, then checked for method, body and
// quota; uploads are measured, downloads streamed; any path of WeChat's that
// is not modelled answers with an echo of what came. A chunked request body is
// answered 412 with an empty body, whatever the path.
//
// The clock is [Options].Now plus what [Server.Advance] added to it. Delays of
// a [Trouble] pass by the program's own clock.
//
// What the published documents leave open was decided on the strict side: a
// frozen AppSecret refuses everything that wants the secret and nothing that
// wants a token; the allow-list covers the token endpoints and every call with
// a token of api.weixin.qq.com, but only the calls at WeCom; a wrong secret is
// 40001 at /cgi-bin/token and 40125 elsewhere; two access_tokens in one call are
// 40014; a user's code works once; a body that did not arrive whole has no
// effect.
package wechattest
