// Package admin is what the operator sees: health and readiness, metrics, the
// state of everything as JSON and as server-sent events, and a page that shows
// it.
//
// It is fed by hooks. [Admin.Call], [Admin.Token], [Admin.Breaker] and
// [Admin.Reload] are told what happens; [Options] has functions that are asked
// how things are. It knows neither the proxy nor the settings, and holds no
// credential but its own key.
//
// Whatever it keeps is bounded: counters by configured names and by a cap,
// errcodes by 200, events by 100, failed calls by 50, time by an hour.
//
// Map: options.go what is asked; admin.go, routes.go the handler; guard.go,
// login.go who may ask; deadline.go how long; ready.go, exposition.go (what
// metrics.go and collect.go count), status.go, stream.go, renew.go, explain.go
// the answers; roster.go, call.go, meter.go, series.go,
// errcodes.go, events.go, failures.go what is remembered; health.go, verdict.go
// how accounts and everything are, in words; ui.go the page.
package admin
