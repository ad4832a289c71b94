package proxy

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// connectionAge is how long a connection is used at most, so that changes of
// DNS are followed (WeChat retires access points, and says so: errcode 48017).
const connectionAge = 10 * time.Minute

// UpstreamOptions are the settings of an [Upstream].
type UpstreamOptions struct {
	// Hosts are base URLs in order of preference: scheme, host, perhaps a path.
	Hosts []string
	// Timeout is from the end of a request to the answer's header, all attempts
	// together. If zero, 30 s.
	Timeout time.Duration
	// BreakerOpenFor is how long an open breaker rests before it probes. If zero,
	// 5 s.
	BreakerOpenFor time.Duration
	// OnBreaker is told when a host's breaker changes its state ("closed",
	// "half-open", "open"). It must not block. If nil, nobody is.
	OnBreaker func(host, from, to string)
}

// Upstream is WeChat's hosts for one platform, each with a breaker, and the
// connections to them. It is safe for concurrent use.
type Upstream struct {
	hosts   []*host
	timeout time.Duration
	pool    atomic.Pointer[pool]
}

// pool is the connections that were made since it was born.
type pool struct {
	*http.Transport
	until time.Time
}

// host is one of WeChat's hosts.
type host struct {
	scheme, authority, prefix string
	breaker                   *gobreaker.TwoStepCircuitBreaker[any]
	openFor                   time.Duration
	open                      atomic.Bool  // as the breaker said last: it may be willing to probe by now
	since                     atomic.Int64 // when the breaker changed last, Unix nanoseconds
}

// HostStatus is what there is to say about one host.
type HostStatus struct {
	Host  string    // host and port
	State string    // of its breaker: "closed", "half-open" or "open"
	Since time.Time // zero: it was never in another one
}

// NewUpstream returns the Upstream for hosts. It opens no connection yet.
func NewUpstream(o UpstreamOptions) (*Upstream, error) {
	u := &Upstream{timeout: cmp.Or(o.Timeout, 30*time.Second)}
	for _, base := range o.Hosts {
		h, err := newHost(base, o)
		if err != nil {
			return nil, err
		}
		u.hosts = append(u.hosts, h)
	}
	if len(u.hosts) == 0 {
		return nil, fmt.Errorf("an upstream needs a host")
	}
	u.pool.Store(u.newPool())
	return u, nil
}

func newHost(base string, o UpstreamOptions) (*host, error) {
	b, err := url.Parse(base)
	if err != nil || b.Host == "" || b.Scheme != "http" && b.Scheme != "https" {
		return nil, fmt.Errorf("upstream %q is not an http or https URL", base)
	}
	h := &host{
		scheme: b.Scheme, authority: b.Host, prefix: strings.TrimSuffix(b.EscapedPath(), "/"),
		openFor: cmp.Or(o.BreakerOpenFor, 5*time.Second),
	}
	if via, err := http.ProxyFromEnvironment(&http.Request{URL: b}); err == nil && via != nil && b.Scheme == "http" {
		h.prefix = "//" + b.Host + h.prefix // an HTTP proxy on the way wants the whole URL
	}
	h.breaker = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Name: b.Host, Interval: 10 * time.Second, BucketPeriod: time.Second, Timeout: h.openFor,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			return n.ConsecutiveFailures >= 5 || n.Requests >= 20 && 2*n.TotalFailures >= n.Requests
		},
		IsExcluded: clientsFault,
		OnStateChange: func(name string, from, to gobreaker.State) {
			h.since.Store(time.Now().UnixNano())
			h.open.Store(to == gobreaker.StateOpen)
			if o.OnBreaker != nil {
				o.OnBreaker(name, from.String(), to.String())
			}
		},
	})
	return h, nil
}

// url is WeChat's path and query at this host, in the client's own bytes.
func (h *host) url(path, query string) url.URL {
	return url.URL{Scheme: h.scheme, Host: h.authority, Opaque: h.prefix + path, RawQuery: query}
}

// Hosts returns the state of every host, in order of preference.
func (u *Upstream) Hosts() []HostStatus {
	out := make([]HostStatus, len(u.hosts))
	for i, h := range u.hosts {
		out[i] = HostStatus{Host: h.authority, State: h.breaker.State().String()}
		if ns := h.since.Load(); ns != 0 {
			out[i].Since = time.Unix(0, ns)
		}
	}
	return out
}

// Close closes the connections that are not in use.
func (u *Upstream) Close() { u.pool.Load().CloseIdleConnections() }

// retryAfter is how long until the first breaker that is open probes.
func (u *Upstream) retryAfter(now time.Time) time.Duration {
	least := time.Duration(-1)
	for _, h := range u.hosts {
		left := time.Unix(0, h.since.Load()).Add(h.openFor).Sub(now)
		if least < 0 || left < least {
			least = left
		}
	}
	return max(least, time.Second)
}

// othersUp reports whether a host behind the i-th would be tried.
func (u *Upstream) othersUp(i int) bool {
	for _, h := range u.hosts[i+1:] {
		if !h.open.Load() || h.breaker.State() != gobreaker.StateOpen { // asking takes a lock
			return true
		}
	}
	return false
}

// transport returns the present connections, new ones if they are old.
func (u *Upstream) transport(now time.Time) *pool {
	p := u.pool.Load()
	if now.Before(p.until) {
		return p
	}
	return u.renew(p)
}

// renew puts a pool without connections in the place of old, whose own are
// closed as soon as they are idle. Names are resolved again.
func (u *Upstream) renew(old *pool) *pool {
	fresh := u.newPool()
	if !u.pool.CompareAndSwap(old, fresh) {
		return u.pool.Load()
	}
	old.CloseIdleConnections()
	return fresh
}

func (u *Upstream) newPool() *pool {
	jitter := time.Duration(rand.Int64N(int64(connectionAge / 10)))
	return &pool{newTransport(u.timeout), time.Now().Add(max(connectionAge-u.timeout, connectionAge/2) - jitter)}
}
