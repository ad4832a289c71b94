package admin

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// namespace begins the name of every metric of ours.
const namespace = "wechat_proxy"

// mostHosts bounds the label of upstream_seconds.
const mostHosts = 64

// metrics are the metrics that are counted as things happen. Those that are
// read off at a scrape are in collect.go.
type metrics struct {
	registry    *prometheus.Registry
	overhead    prometheus.Histogram
	wait        prometheus.Histogram
	upstream    *prometheus.HistogramVec
	hosts       cow[string, prometheus.Observer]
	in, out     prometheus.Counter
	retries     *prometheus.CounterVec
	renewals    *prometheus.CounterVec
	refusals    *prometheus.CounterVec
	storeErrors prometheus.Counter
	reloads     *prometheus.CounterVec
}

func newMetrics(o Options) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		overhead: newHistogram("request_overhead_seconds", "Time of a call that was not spent waiting for WeChat.",
			0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
		wait: newHistogram("credential_wait_seconds", "Time of calls that had to wait for a credential.",
			0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
		upstream: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "upstream_seconds",
			Help:    "Time of a call that was spent waiting for WeChat, all attempts, by the host that answered.",
			Buckets: []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"host"}),
		retries: newCounters("retries_total",
			"Requests sent to WeChat beyond a call's first; reason is token_refused or failover.", "account", "reason"),
		renewals: newCounters("renewals_total", "Renewals of credentials.", "account", "kind", "cause", "result"),
		refusals: newCounters("refusals_total",
			"Calls whose credential WeChat refused, by what was decided; a crowd's within a second count once.", "account", "errcode", "step"),
		storeErrors: newCounter("store_errors_total", "Failed operations of the credential store."),
		reloads:     newCounters("reloads_total", "Reloads of the settings; result is ok or refused.", "result"),
	}
	bytes := newCounters("body_bytes_total", "Bytes of bodies; direction is in (from clients) or out (to clients).", "direction")
	m.in, m.out = bytes.WithLabelValues("in"), bytes.WithLabelValues("out")
	m.reloads.WithLabelValues("ok")
	m.reloads.WithLabelValues("refused")
	m.registry.MustRegister(m.overhead, m.wait, m.upstream, bytes, m.retries, m.renewals, m.refusals,
		m.storeErrors, m.reloads, buildInfo(o), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func newHistogram(name, help string, buckets ...float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
}

func newCounter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func newCounters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func buildInfo(o Options) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "What is running; always 1.",
		ConstLabels: prometheus.Labels{"version": o.Version, "revision": o.Revision, "go_version": o.GoVersion},
	}, func() float64 { return 1 })
}

// observe counts a call, but for requests_total, which directory counts.
func (m *metrics) observe(c *Call) {
	m.overhead.Observe(c.overhead().Seconds())
	if c.Wait > 0 {
		m.wait.Observe(c.Wait.Seconds())
	}
	if c.Host != "" {
		m.host(c.Host).Observe(c.Upstream.Seconds())
	}
	m.in.Add(float64(max(0, c.BytesIn)))
	m.out.Add(float64(max(0, c.BytesOut)))
}

func (m *metrics) host(host string) prometheus.Observer {
	if h, ok := m.hosts.get(host); ok {
		return h
	}
	full := func(n int) bool { return n >= mostHosts }
	if h, ok := m.hosts.add(host, full, func() prometheus.Observer { return m.upstream.WithLabelValues(host) }); ok {
		return h
	}
	return m.upstream.WithLabelValues(labelOther)
}

// repeated counts the requests that a call needed beyond its first.
func (m *metrics) repeated(account string, c *Call) {
	if c.Attempts < 2 {
		return
	}
	reason := "failover"
	if c.Renewed {
		reason = "token_refused"
	}
	m.retries.WithLabelValues(account, reason).Add(float64(c.Attempts - 1))
}

func (m *metrics) token(account string, e token.Event, p errcode.Platform) {
	switch e.Type {
	case token.EventRenewal:
		m.renewals.WithLabelValues(account, string(e.Key.Kind), string(e.Cause), string(e.Result)).Inc()
	case token.EventRejection:
		m.refusals.WithLabelValues(account, codeLabel(p, e.Errcode), e.Step).Inc()
	case token.EventStore:
		if e.Err != nil {
			m.storeErrors.Inc()
		}
	}
}

// forget drops the metrics of an account that is no longer configured.
func (m *metrics) forget(account string) {
	gone := prometheus.Labels{"account": account}
	m.retries.DeletePartialMatch(gone)
	m.renewals.DeletePartialMatch(gone)
	m.refusals.DeletePartialMatch(gone)
}

func codeLabel(p errcode.Platform, code int) string {
	if code != 0 && !errcode.Known(p, code) {
		return labelOther
	}
	return strconv.Itoa(code)
}
