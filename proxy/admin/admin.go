package admin

import (
	"net/http"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Admin is the handler of the admin address. It is safe for concurrent use,
// and runs no goroutine of its own.
type Admin struct {
	opts      Options
	handler   http.Handler
	metrics   *metrics
	directory *directory
	rosters   *rosters
	series    *series
	errcodes  *errcodes
	events    *events
	failures  failures
	guard     *guard
	listeners chan struct{} // a place for each one that listens to /api/events
}

// New returns an Admin that asks o. It counts from zero.
func New(o Options) *Admin {
	o = o.withDefaults()
	a := &Admin{
		opts: o, metrics: newMetrics(o), series: &series{}, errcodes: &errcodes{}, events: newEvents(),
		failures: failures{newRing[failureRow](mostFailures)}, guard: newGuard(o),
		listeners: make(chan struct{}, mostListeners),
	}
	a.directory = newDirectory(o, a.metrics.forget)
	a.rosters = &rosters{directory: a.directory}
	a.metrics.registry.MustRegister(newCollector(a))
	a.handler = a.routes()
	return a
}

// ServeHTTP implements [http.Handler].
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Token takes note of an event of the token Manager's.
func (a *Admin) Token(e token.Event) {
	if e.At.IsZero() {
		e.At = a.opts.Now()
	}
	name := ""
	if e.Key.Account != "" {
		name = a.directory.account(e.Key.Account, e.At).name
	}
	p := a.platformOf(e.Key.Account)
	a.metrics.token(name, e, p)
	a.events.add(tokenRow(e, p))
}

// Breaker takes note that an upstream host's breaker changed its state.
func (a *Admin) Breaker(host, from, to string) {
	a.events.add(breakerRow(a.opts.Now(), host, from, to))
}

// Reload takes note that the settings were read again: summary says what
// changed, err why they were refused. Neither holds a secret.
func (a *Admin) Reload(summary string, err error) {
	result := "ok"
	if err != nil {
		result = "refused"
	}
	a.metrics.reloads.WithLabelValues(result).Inc()
	a.directory.refresh()
	a.rosters.stale()
	a.events.add(reloadRow(a.opts.Now(), summary, err))
}

// platformOf returns the platform of an account, MP where it is not known.
func (a *Admin) platformOf(account string) errcode.Platform {
	return a.directory.account(account, a.opts.Now()).platform
}
