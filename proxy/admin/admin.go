// Package admin is what the operator sees: health and readiness, metrics, the
// state of everything as JSON and as server-sent events, and a page that shows
// it.
//
// [Admin.Call], [Admin.Token], [Admin.Breaker] and [Admin.Reload] are told what
// happens and pass it on to package stats; [Options] has functions that are
// asked how things are now. The package knows neither the proxy nor the
// settings, and holds no credential but its own key.
//
//	admin.go      Admin: the handler, and the hooks
//	options.go    Options: what Admin asks, and the types of the answers
//	routes.go     every URL; deadline and headers of every answer
//	guard.go      who may ask: key, Host, Origin
//	login.go      the login page and its cookie
//	response.go   JSON answers and errors
//	ready.go      /healthz, /readyz
//	metrics.go    /metrics, made at most once a second
//	gauges.go     the metrics that say how things are at a scrape
//	status.go     /api/status, except for its accounts
//	accounts.go   the accounts in /api/status
//	stream.go     /api/events: changes of the status as they happen
//	actions.go    POST: renew a credential, explain a rid
//	snapshot.go   all accounts at one moment
//	health.go     how an account is, in a word
//	headline.go   how everything is, in a sentence
//	page.go       the page's own files
package admin

import (
	"cmp"
	"iter"
	"net/http"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Admin is the handler of the admin address. It is safe for concurrent use,
// and runs no goroutine of its own.
type Admin struct {
	opts      Options
	handler   http.Handler
	stats     *stats.Stats
	snapshots *snapshots
	guard     *guard
	streams   chan struct{} // holds a value for each open stream of /api/events
}

// New returns an Admin that asks o. It counts from zero.
func New(o Options) *Admin {
	o = o.withDefaults()
	a := &Admin{
		opts: o, stats: stats.New(statsOptions(o)), guard: newGuard(o),
		streams: make(chan struct{}, maxStreams),
	}
	a.snapshots = &snapshots{opts: o, stats: a.stats}
	a.stats.Registry().MustRegister(newGauges(o, a.snapshots))
	a.handler = a.routes()
	return a
}

func statsOptions(o Options) stats.Options {
	return stats.Options{
		Accounts: func() iter.Seq2[string, errcode.Platform] {
			return func(yield func(string, errcode.Platform) bool) {
				for _, a := range o.Accounts() {
					if !yield(a.Name, cmp.Or(a.Platform, errcode.MP)) {
						return
					}
				}
			}
		},
		Clients: func() iter.Seq[string] {
			return func(yield func(string) bool) {
				for _, c := range o.Clients() {
					if !yield(c.Name) {
						return
					}
				}
			}
		},
		Now: o.Now,
	}
}

// ServeHTTP implements [http.Handler].
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Call counts a finished call; see [stats.Stats.Call].
func (a *Admin) Call(c stats.Call) { a.stats.Call(c) }

// Token takes note of an event of the token Manager's.
func (a *Admin) Token(e token.Event) { a.stats.Token(e) }

// Breaker takes note that the circuit breaker of an upstream host changed its
// state.
func (a *Admin) Breaker(host, from, to string) { a.stats.Breaker(host, from, to) }

// Reload takes note that the settings were read again. summary says what
// changed; err, if not nil, why they are invalid and were not applied. Neither
// holds a secret.
func (a *Admin) Reload(summary string, err error) {
	a.stats.Reload(summary, err)
	a.snapshots.invalidate()
}
