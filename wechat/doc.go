// Package wechat sends calls to WeChat. The proxy, the token sources and the
// commands all use [Hosts.Send], which takes a [Call] and returns an [Answer] or a
// [Failure].
//
// Map:
//
//	doc.go        this map
//	call.go       Call in, Answer out: what is sent, and what became of it
//	hosts.go      the hosts of a platform, in order of preference
//	send.go       one Send: over the hosts, and again where an access point is retired
//	lean.go       one request whose body is held, on the caller's goroutine
//	leanconn.go   its connection: until when it waits, and for whom
//	leanpool.go   the idle connections for it
//	reserve.go    connections that are made before a call needs them
//	head.go       how a request is written
//	attempt.go    one request whose body streams, over net/http's transport
//	conn.go       a connection under that transport, on which no byte goes to the wrong call
//	wire.go       what lies under a connection, and whether anything has arrived on it
//	wire_unix.go, wire_other.go  the same, as the kernel sees it
//	peek.go       the first bytes of an answer: is there an errcode?
//	breaker.go    when a host gets no calls, and how it gets them back
//	probe.go      how a host that has rested is probed: by a short call, or a handshake
//	sickpath.go   is it the host that fails, or one path of it?
//	pool.go       connections to a host, replaced when they are old
//	dial.go       making one: TCP, egress proxies, TLS
//	failure.go    why a call brought no answer
//	connstate.go  what a failed call's connection says about that
//	advice.go     what an operator can do about it
//	clock.go      how far WeChat's clock is from ours
//
// errcode knows WeChat's numbers, wechattest is WeChat for tests.
package wechat
