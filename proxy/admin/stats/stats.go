// Package stats counts the calls of clients and remembers what happened lately:
// the figures that the admin page, /api/status and /metrics show.
//
// It is told of each call and event ([Stats.Call], [Stats.Token],
// [Stats.Breaker], [Stats.Reload]). It does not know how things are now, serves
// no HTTP, and never sees a credential.
//
// All it keeps is bounded: counters by configured names and by a cap, errcodes
// by 200, events by 100, failed calls by 50, time by an hour.
//
//	stats.go        Stats: where calls and events come in and figures go out
//	call.go         Call: one finished call, and what counts as failed
//	counters.go     calls by account and outcome, and by client
//	hour.go         a counter of the last hour
//	traffic.go      the last hour in steps of ten seconds
//	latency.go      a histogram of durations, and its percentiles
//	errcodes.go     WeChat's errcodes of the last hour
//	events.go       renewals, rejections, breakers, reloads
//	failures.go     the last calls that failed
//	recent.go       a list of the last n values
//	metrics.go      the Prometheus metrics that are counted
//	copyonwrite.go  a map that is read without a lock
//	text.go         texts of others, cut to a bounded length
package stats

import (
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Options says for whom calls are counted. No field may be nil. The functions
// are called from many goroutines at once and must not block.
type Options struct {
	// Accounts returns the configured accounts: name and platform.
	Accounts func() iter.Seq2[string, errcode.Platform]
	// Clients returns the names of the configured clients.
	Clients func() iter.Seq[string]
	// Now is the clock.
	Now func() time.Time
}

// Stats counts calls and remembers events. It is safe for concurrent use, and
// runs no goroutine of its own.
type Stats struct {
	now      func() time.Time
	metrics  *metrics
	counters *counters
	timeline timeline
	errcodes errcodes
	events   events
	failures failures
}

// New returns Stats that count from zero.
func New(o Options) *Stats {
	s := &Stats{now: o.Now, metrics: newMetrics(), events: newEvents(), failures: newFailures()}
	s.counters = newCounters(o, s.metrics.deleteAccount)
	s.metrics.registry.MustRegister(callCollector{s.counters})
	return s
}

// Call counts a finished call. It takes no contended lock and, for labels that
// were seen before, allocates nothing.
func (s *Stats) Call(c Call) {
	if c.At.IsZero() {
		c.At = s.now()
	}
	if c.Platform == "" {
		c.Platform = errcode.MP
	}
	failed := c.failed()
	account := s.counters.account(c.Account, c.At)
	s.counters.outcome(account, &c).Add(1)
	account.calls.add(c.At, failed)
	s.counters.client(c.Client, c.At).add(c.At, failed)
	s.timeline.add(&c, failed)
	s.metrics.call(account.name, &c)
	if c.Errcode != 0 {
		s.errcodes.add(&c, &account.name)
	}
	if failed {
		s.failures.add(&c)
	}
}

// Token takes note of an event of the token Manager's.
func (s *Stats) Token(e token.Event) {
	if e.At.IsZero() {
		e.At = s.now()
	}
	name, platform := "", errcode.MP
	if e.Key.Account != "" {
		account := s.counters.account(e.Key.Account, e.At)
		name, platform = account.name, account.platform
	}
	s.metrics.token(name, platform, e)
	s.events.add(tokenEvent(e, platform))
}

// Breaker takes note that the circuit breaker of an upstream host changed its
// state.
func (s *Stats) Breaker(host, from, to string) {
	s.events.add(breakerEvent(s.now(), host, from, to))
}

// Reload takes note that the settings were read again. summary says what
// changed; err, if not nil, why they are invalid and were not applied. Neither
// holds a secret.
func (s *Stats) Reload(summary string, err error) {
	s.metrics.reload(err)
	s.Refresh()
	s.events.add(reloadEvent(s.now(), summary, err))
}

// Refresh asks [Options] for the configured names again. An account or client
// that is new gets counters, one that is gone loses them.
func (s *Stats) Refresh() { s.counters.refresh() }

// Account returns how many calls of an account there were in the hour before
// now, and how many of them failed. 0 if it is not configured.
func (s *Stats) Account(name string, now time.Time) (calls, failed uint64) {
	if a, ok := s.counters.accounts.get(name); ok {
		return a.calls.lastHour(now)
	}
	return 0, 0
}

// Client returns the same of a client: a configured one, [Anonymous] or [Other].
func (s *Stats) Client(name string, now time.Time) (calls, failed uint64) {
	if c, ok := s.counters.clients.get(name); ok {
		return c.lastHour(now)
	}
	return 0, 0
}

// Traffic returns the hour before now, without the step under way.
func (s *Stats) Traffic(now time.Time) Traffic { return s.timeline.traffic(now) }

// LastMinute returns how many calls finished in the minute before now, and how
// many of them failed through no fault of the caller's.
func (s *Stats) LastMinute(now time.Time) (calls, faults uint64) { return s.timeline.lastMinute(now) }

// Rate returns calls and failed calls per second, in the last full step of
// [Stats.Traffic].
func (s *Stats) Rate(now time.Time) (calls, failed float64) { return s.timeline.rate(now) }

// Errcodes returns WeChat's errcodes of the hour before now, the most frequent
// first, at most 200.
func (s *Stats) Errcodes(now time.Time) []Errcode { return s.errcodes.list(now) }

// Events returns the last events, newest first, at most 100.
func (s *Stats) Events() []Event { return s.events.list() }

// Failures returns the last failed calls, newest first, at most 50.
func (s *Stats) Failures() []Failure { return s.failures.newestFirst() }

// Registry has the metrics that are counted here, and those of the process.
// More may be registered.
func (s *Stats) Registry() *prometheus.Registry { return s.metrics.registry }
