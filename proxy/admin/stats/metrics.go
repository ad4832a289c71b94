package stats

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Namespace begins the name of every metric of the proxy's.
const Namespace = "wechat_proxy"

// maxHosts bounds the label of upstream_seconds.
const maxHosts = 64

// metrics are the metrics that are counted as things happen.
type metrics struct {
	registry      *prometheus.Registry
	overhead      prometheus.Histogram
	wait          prometheus.Histogram
	upstream      *prometheus.HistogramVec
	upstreamHosts copyOnWrite[string, prometheus.Observer]
	in, out       prometheus.Counter
	retries       *prometheus.CounterVec
	renewals      *prometheus.CounterVec
	rejections    *prometheus.CounterVec
	storeErrors   prometheus.Counter
	reloads       *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		overhead: newHistogram("request_overhead_seconds", "Time of a call that was not spent waiting for WeChat.",
			0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
		wait: newHistogram("credential_wait_seconds", "Time of calls that had to wait for a credential.",
			0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
		upstream: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: Namespace, Name: "upstream_seconds",
			Help:    "Time of a call that was spent waiting for WeChat, all attempts, by the host that answered.",
			Buckets: []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"host"}),
		retries: newCounterVec("retries_total",
			"Requests sent to WeChat beyond a call's first; reason is token_refused or failover.", "account", "reason"),
		renewals: newCounterVec("renewals_total", "Renewals of credentials.", "account", "kind", "cause", "result"),
		rejections: newCounterVec("refusals_total",
			"Calls whose credential WeChat rejected, by what the proxy decided; many within a second count once.", "account", "errcode", "step"),
		storeErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: Namespace, Name: "store_errors_total", Help: "Failed operations of the credential store.",
		}),
		reloads: newCounterVec("reloads_total", "Reloads of the settings; result is ok or refused.", "result"),
	}
	bytes := newCounterVec("body_bytes_total", "Bytes of bodies; direction is in (from clients) or out (to clients).", "direction")
	m.in, m.out = bytes.WithLabelValues("in"), bytes.WithLabelValues("out")
	m.reloads.WithLabelValues("ok")
	m.reloads.WithLabelValues("refused")
	m.registry.MustRegister(m.overhead, m.wait, m.upstream, bytes, m.retries, m.renewals, m.rejections,
		m.storeErrors, m.reloads, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func newHistogram(name, help string, buckets ...float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: Namespace, Name: name, Help: help, Buckets: buckets})
}

func newCounterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: Namespace, Name: name, Help: help}, labels)
}

// call counts a call, except for what [callCollector] has.
func (m *metrics) call(account string, c *Call) {
	m.overhead.Observe(c.overhead().Seconds())
	if c.Wait > 0 {
		m.wait.Observe(c.Wait.Seconds())
	}
	if c.Host != "" {
		m.upstreamHost(c.Host).Observe(c.Upstream.Seconds())
	}
	m.in.Add(float64(max(0, c.BytesIn)))
	m.out.Add(float64(max(0, c.BytesOut)))
	if c.Attempts > 1 {
		reason := "failover"
		if c.Renewed {
			reason = "token_refused"
		}
		m.retries.WithLabelValues(account, reason).Add(float64(c.Attempts - 1))
	}
}

func (m *metrics) upstreamHost(host string) prometheus.Observer {
	if o, ok := m.upstreamHosts.get(host); ok {
		return o
	}
	full := func(n int) bool { return n >= maxHosts }
	if o, ok := m.upstreamHosts.getOrAdd(host, full, func() prometheus.Observer { return m.upstream.WithLabelValues(host) }); ok {
		return o
	}
	return m.upstream.WithLabelValues(Other)
}

func (m *metrics) token(account string, p errcode.Platform, e token.Event) {
	switch e.Type {
	case token.EventRenewal:
		m.renewals.WithLabelValues(account, string(e.Key.Kind), string(e.Cause), string(e.Result)).Inc()
	case token.EventRejection:
		m.rejections.WithLabelValues(account, ErrcodeLabel(p, e.Errcode), e.Step).Inc()
	case token.EventStore:
		if e.Err != nil {
			m.storeErrors.Inc()
		}
	}
}

func (m *metrics) reload(err error) {
	result := "ok"
	if err != nil {
		result = "refused"
	}
	m.reloads.WithLabelValues(result).Inc()
}

// deleteAccount drops the metrics of an account that is no longer configured.
func (m *metrics) deleteAccount(account string) {
	labels := prometheus.Labels{"account": account}
	m.retries.DeletePartialMatch(labels)
	m.renewals.DeletePartialMatch(labels)
	m.rejections.DeletePartialMatch(labels)
}

// ErrcodeLabel returns the label value of an errcode: the number, or [Other] for
// one that is not in the table.
func ErrcodeLabel(p errcode.Platform, code int) string {
	if code != 0 && !errcode.Known(p, code) {
		return Other
	}
	return strconv.Itoa(code)
}

// callCollector reads requests_total and client_requests_total from the
// counters, so that a call need not look up a metric by its labels.
type callCollector struct{ counters *counters }

func (callCollector) requests() *prometheus.Desc {
	return prometheus.NewDesc(Namespace+"_requests_total",
		"Finished calls by account, class of path, HTTP status and WeChat's errcode (0: none; other: not in the table).",
		[]string{"account", "class", "status", "errcode"}, nil)
}

func (callCollector) clients() *prometheus.Desc {
	return prometheus.NewDesc(Namespace+"_client_requests_total",
		"Finished calls by client; result is ok, or failed: a status of 400 or more, or an errcode.", []string{"client", "result"}, nil)
}

// Describe implements prometheus.Collector.
func (c callCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.requests()
	ch <- c.clients()
}

// Collect implements prometheus.Collector.
func (c callCollector) Collect(ch chan<- prometheus.Metric) {
	// A label that is not UTF-8 cannot be sent: a scrape without it is better
	// than none.
	send := func(d *prometheus.Desc, n uint64, labels ...string) {
		if m, err := prometheus.NewConstMetric(d, prometheus.CounterValue, float64(n), labels...); err == nil {
			ch <- m
		}
	}
	requests, clients := c.requests(), c.clients()
	for name, a := range c.counters.accounts.all() {
		for o, n := range a.outcomes.all() {
			class, status, code := o.labels()
			send(requests, n.Load(), name, class, status, code)
		}
	}
	for name, n := range c.counters.clients.all() {
		failed := n.totalFailed.Load() // read first: it never exceeds total
		send(clients, n.total.Load()-failed, name, "ok")
		send(clients, failed, name, "failed")
	}
}
