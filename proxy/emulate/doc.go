// Package emulate is the endpoints that are answered here and never at WeChat:
// tokens, tickets, and signatures for pages. It reads requests and builds
// answers; who may ask, and where a credential comes from, is its caller's
// affair.
//
// A call that is wrong in itself is an *answer.Refusal.
//
// Map: params.go what was asked, wherever an SDK puts it; token.go, ticket.go
// the two kinds of credential; sign.go WeChat's signatures; jssdk.go, card.go
// what a page needs; page.go whose page it is; write.go the answer on the wire.
package emulate
