package admin

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// collector reads off, at a scrape, how things are. An account that is no
// longer configured is simply not there.
type collector struct {
	admin *Admin

	requests, clients                    *prometheus.Desc
	secondsLeft, state, failing, refused *prometheus.Desc
	forcedLeft, rogue, accounts, ready   *prometheus.Desc
	breaker, storeUp, inFlight           *prometheus.Desc
	quotaLimit, quotaUsed, quotaLeft     *prometheus.Desc
}

func newCollector(a *Admin) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
	}
	return &collector{
		admin: a,
		requests: desc("requests_total",
			"Finished calls by account, class of path, HTTP status and WeChat's errcode (0: none; other: not in the table).",
			"account", "class", "status", "errcode"),
		clients: desc("client_requests_total",
			"Finished calls by client; result is ok, or failed: a status of 400 or more, or an errcode.", "client", "result"),
		secondsLeft: desc("credential_seconds_left", "What is left of a credential's life; 0: none is alive.", "account", "kind"),
		state:       desc("credential_state", "State of a credential: 0 empty, 1 expired, 2 stale, 3 fresh.", "account", "kind"),
		failing: desc("credential_failing",
			"1 while the last fetch of a credential failed, with WeChat's errcode (0: no answer of WeChat's).",
			"account", "kind", "errcode"),
		refused: desc("credential_refused",
			"1 while WeChat refuses the credential that is held, as the last call that told says.", "account", "kind"),
		forcedLeft: desc("forced_renewals_left",
			"Renewals on refusal that are left of the day's budget, or of a legacy token's bucket.", "account"),
		rogue:    desc("rogue", "1 while somebody else seems to fetch the account's token too.", "account"),
		accounts: desc("accounts", "Configured accounts by health: down, warning, starting, ok.", "health"),
		ready:    desc("ready", "1 while /readyz says yes."),
		breaker:  desc("breaker_state", "An upstream host's breaker: 0 closed, 1 half-open, 2 open.", "host"),
		storeUp:  desc("store_up", "1 while the credential store works."),
		inFlight: desc("in_flight", "Calls under way."),
		quotaLimit: desc("quota_daily_limit",
			"Calls a day that WeChat allows of a path, as it said when it was last asked (PROXY_QUOTA_EVERY).", "account", "path"),
		quotaUsed: desc("quota_daily_used", "Calls of a path that WeChat has counted today.", "account", "path"),
		quotaLeft: desc("quota_daily_left", "Calls of a path that are left of the day's.", "account", "path"),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.requests, c.clients, c.secondsLeft, c.state, c.failing, c.refused, c.forcedLeft, c.rogue,
		c.accounts, c.ready, c.breaker, c.storeUp, c.inFlight,
		c.quotaLimit, c.quotaUsed, c.quotaLeft,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		send(ch, d, prometheus.GaugeValue, v, labels...)
	}
	o, r := c.admin.opts, c.admin.rosters.get()
	for _, m := range r.members {
		c.credentials(gauge, m)
	}
	for _, h := range []health{healthDown, healthWarning, healthStarting, healthOK} {
		gauge(c.accounts, float64(r.counts[h]), string(h))
	}
	for host, state := range breakers(o.Hosts()) {
		gauge(c.breaker, state, host)
	}
	gauge(c.ready, bit(r.live > 0 && !o.Draining()))
	gauge(c.storeUp, bit(o.Store().Up))
	gauge(c.inFlight, float64(o.InFlight()))
	for _, q := range o.Quotas() {
		if _, there := r.find(q.Account); !there {
			continue // taken out since WeChat was asked
		}
		gauge(c.quotaLimit, float64(q.Limit), q.Account, q.Path)
		gauge(c.quotaUsed, float64(q.Used), q.Account, q.Path)
		gauge(c.quotaLeft, float64(q.Left), q.Account, q.Path)
	}
	c.calls(ch)
}

type gaugeFunc func(d *prometheus.Desc, v float64, labels ...string)

func (c *collector) credentials(gauge gaugeFunc, m member) {
	now := c.admin.opts.Now()
	for _, s := range m.statuses {
		kind := string(s.Key.Kind)
		gauge(c.secondsLeft, max(0, math.Floor(s.ExpiresAt.Sub(now).Seconds())), m.Name, kind)
		gauge(c.state, stateNumber(s.State), m.Name, kind)
		gauge(c.refused, bit(s.Rejected), m.Name, kind)
		if s.LastErr != nil {
			code := 0
			if no := asNo(s.LastErr); no != nil {
				code = no.Code
			}
			gauge(c.failing, 1, m.Name, kind, codeLabel(platform(m.Platform), code))
		}
		if s.Key.Kind != token.AccessToken {
			continue
		}
		gauge(c.rogue, bit(s.Rogue), m.Name)
		if s.ForcedLeft >= 0 {
			gauge(c.forcedLeft, float64(s.ForcedLeft), m.Name)
		}
	}
}

func (c *collector) calls(ch chan<- prometheus.Metric) {
	for name, m := range c.admin.directory.accounts.all() {
		for o, n := range m.outcomes.all() {
			class, status, code := o.labels()
			send(ch, c.requests, prometheus.CounterValue, float64(n.Load()), name, class, status, code)
		}
	}
	for name, h := range c.admin.directory.clients.all() {
		failed := h.everFailed.Load() // read first: it never exceeds ever
		send(ch, c.clients, prometheus.CounterValue, float64(h.ever.Load()-failed), name, "ok")
		send(ch, c.clients, prometheus.CounterValue, float64(failed), name, "failed")
	}
}

// send leaves out what cannot be sent, a label that is not UTF-8: a scrape
// without it is better than none.
func send(ch chan<- prometheus.Metric, d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
	if m, err := prometheus.NewConstMetric(d, t, v, labels...); err == nil {
		ch <- m
	}
}

func bit(b bool) float64 {
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

// breakers returns the breakers' states by host, the worst where one host
// serves two purposes.
func breakers(hosts []Host) map[string]float64 {
	out := map[string]float64{}
	for _, h := range hosts {
		state := 0.0
		switch h.State {
		case "half-open":
			state = 1
		case "open":
			state = 2
		}
		out[h.Host] = max(out[h.Host], state)
	}
	return out
}
