// Package serve is a running proxy, put together from the settings.
//
// [Run] is the whole life of one: [Load] the settings, [Start] to listen,
// [Server.Wait] until the end. While it runs it follows changes of the settings
// and of the TLS files.
//
// Map, in the order to read it:
//
//	doc.go       this page
//	serve.go     the listeners, from start to shutdown
//	app.go       what a running proxy consists of
//	accounts.go  accounts and clients, set anew whenever the settings change
//	reload.go    when the settings are read again, and what happens if they are wrong
//	certs.go     the TLS files of the clients' listener
//	events.go    what happened, passed on to the log, traces and counters
//	breakers.go  changes of breakers, logged without making a breaker wait
//	logs.go      how it is logged
//	panics.go    a call that panics, logged without the value
//	trace.go     a span for each call
//	otlp.go      how spans are sent
//	heap.go      when the garbage is collected
//	build.go     which version this is
//	admin.go     what the admin endpoints show and do
//	ask.go       a question of our own to WeChat
//	quota.go     what is left of the day's quotas
//	explain.go   what WeChat knows of a failed call
//	scrub.go     no secret is left in such an answer
//	sandbox.go   the proxy in front of a built-in WeChat simulator
package serve
