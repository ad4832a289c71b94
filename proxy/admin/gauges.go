package admin

import (
	"errors"
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// gauges is a prometheus.Collector that finds out, at a scrape, how things are.
// An account that is no longer configured has no gauges.
type gauges struct {
	opts      Options
	snapshots *snapshots

	secondsLeft, state, failing, rejected *prometheus.Desc
	forcedLeft, rogue, accounts, ready    *prometheus.Desc
	breaker, storeUp, inFlight, build     *prometheus.Desc
	quotaLimit, quotaUsed, quotaLeft      *prometheus.Desc
	busy, idle, wanted, ahead             *prometheus.Desc
}

func newGauges(o Options, s *snapshots) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(stats.Namespace+"_"+name, help, labels, nil)
	}
	return &gauges{
		opts: o, snapshots: s,
		secondsLeft: desc("credential_seconds_left", "Seconds until a credential expires; 0: there is none, or it has expired.", "account", "kind"),
		state:       desc("credential_state", "State of a credential: 0 empty, 1 expired, 2 stale, 3 fresh.", "account", "kind"),
		failing: desc("credential_failing",
			"1 while the last fetch of a credential failed, with WeChat's errcode (0: WeChat did not answer).",
			"account", "kind", "errcode"),
		rejected: desc("credential_refused",
			"1 while WeChat rejects the credential in use, as of the last call that told.", "account", "kind"),
		forcedLeft: desc("forced_renewals_left",
			"Forced renewals left of the day's budget, or of a legacy token's bucket.", "account"),
		rogue:    desc("rogue", "1 while another program seems to fetch the account's token too.", "account"),
		accounts: desc("accounts", "Configured accounts by health: down, warning, starting, ok.", "health"),
		ready:    desc("ready", "1 while /readyz answers 200."),
		breaker:  desc("breaker_state", "An upstream host's circuit breaker: 0 closed, 1 half-open, 2 open.", "host"),
		storeUp:  desc("store_up", "1 while the credential store works."),
		inFlight: desc("in_flight", "Calls in flight."),
		build: prometheus.NewDesc(stats.Namespace+"_build_info", "Version of the proxy; always 1.", nil,
			prometheus.Labels{"version": o.Version, "revision": o.Revision, "go_version": o.GoVersion}),
		quotaLimit: desc("quota_daily_limit",
			"Calls of a path that WeChat allows in a day, as of the last time it was asked (PROXY_QUOTA_EVERY).", "account", "path"),
		quotaUsed: desc("quota_daily_used", "Calls of a path that WeChat has counted today.", "account", "path"),
		quotaLeft: desc("quota_daily_left", "Calls of a path that are left today.", "account", "path"),
		busy:      desc("upstream_calls", "Calls under way to an upstream host.", "host"),
		idle:      desc("upstream_connections_idle", "Connections to an upstream host that wait for a call.", "host"),
		wanted:    desc("upstream_connections_wanted", "Connections that are to be ready: the most calls at once of the last ten minutes, within PROXY_WARM_CONNECTIONS.", "host"),
		ahead:     desc("upstream_connections_ahead_total", "Connections made before a call needed them.", "host"),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		g.secondsLeft, g.state, g.failing, g.rejected, g.forcedLeft, g.rogue, g.accounts, g.ready,
		g.breaker, g.storeUp, g.inFlight, g.build, g.quotaLimit, g.quotaUsed, g.quotaLeft,
		g.busy, g.idle, g.wanted, g.ahead,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	// A label that is not UTF-8 cannot be sent: a scrape without it is better
	// than none.
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		if m, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, v, labels...); err == nil {
			ch <- m
		}
	}
	o, s := g.opts, g.snapshots.get()
	for _, a := range s.accounts {
		g.credentials(send, a)
	}
	for _, h := range []health{healthDown, healthWarning, healthStarting, healthOK} {
		send(g.accounts, float64(s.counts[h]), string(h))
	}
	hosts := o.Hosts()
	for host, state := range breakers(hosts) {
		send(g.breaker, state, host)
	}
	for host, h := range connections(hosts) {
		send(g.busy, float64(h.Busy), host)
		send(g.idle, float64(h.Idle), host)
		send(g.wanted, float64(h.Wanted), host)
		if m, err := prometheus.NewConstMetric(g.ahead, prometheus.CounterValue, float64(h.Ahead), host); err == nil {
			ch <- m
		}
	}
	send(g.ready, oneIf(s.usable > 0 && !o.Draining()))
	send(g.storeUp, oneIf(o.Store().Up))
	send(g.inFlight, float64(o.InFlight()))
	send(g.build, 1)
	for _, q := range o.Quotas() {
		if _, ok := s.find(q.Account); !ok {
			continue // removed since WeChat was asked
		}
		send(g.quotaLimit, float64(q.Limit), q.Account, q.Path)
		send(g.quotaUsed, float64(q.Used), q.Account, q.Path)
		send(g.quotaLeft, float64(q.Left), q.Account, q.Path)
	}
}

func (g *gauges) credentials(send func(d *prometheus.Desc, v float64, labels ...string), a accountState) {
	now := g.opts.Now()
	for _, s := range a.statuses {
		kind := string(s.Key.Kind)
		send(g.secondsLeft, max(0, math.Floor(s.ExpiresAt.Sub(now).Seconds())), a.Name, kind)
		send(g.state, stateNumber(s.State), a.Name, kind)
		send(g.rejected, oneIf(s.Rejected), a.Name, kind)
		if s.LastErr != nil {
			code := 0
			if answer, ok := errors.AsType[*errcode.Error](s.LastErr); ok {
				code = answer.Code
			}
			send(g.failing, 1, a.Name, kind, stats.ErrcodeLabel(a.Platform, code))
		}
		if s.Key.Kind != token.AccessToken {
			continue
		}
		send(g.rogue, oneIf(s.Rogue), a.Name)
		if s.ForcedLeft >= 0 {
			send(g.forcedLeft, float64(s.ForcedLeft), a.Name)
		}
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func stateNumber(s token.State) float64 {
	switch s {
	case token.Fresh:
		return 3
	case token.Stale:
		return 2
	case token.Expired:
		return 1
	default:
		return 0
	}
}

// connections returns the hosts by their names. If one stands there twice, its
// connections are added up.
func connections(hosts []Host) map[string]Host {
	out := map[string]Host{}
	for _, h := range hosts {
		sum := out[h.Host]
		sum.Busy, sum.Idle, sum.Wanted, sum.Ahead = sum.Busy+h.Busy, sum.Idle+h.Idle, sum.Wanted+h.Wanted, sum.Ahead+h.Ahead
		out[h.Host] = sum
	}
	return out
}

// breakers returns the states of the breakers by host. If a host has two, the
// worse one counts.
func breakers(hosts []Host) map[string]float64 {
	number := map[string]float64{"half-open": 1, "open": 2}
	out := map[string]float64{}
	for _, h := range hosts {
		out[h.Host] = max(out[h.Host], number[h.State])
	}
	return out
}
