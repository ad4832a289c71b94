package wechat

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Options are the settings of [Hosts].
type Options struct {
	// Platform is whose numbers the answers hold. If empty, errcode.MP.
	Platform errcode.Platform
	// BaseURLs are the hosts in order of preference: scheme, host, perhaps a path,
	// which goes before the path of every call.
	BaseURLs []string
	// Timeout is from the end of a request to the header of its answer, all
	// attempts together. If zero, 30 s.
	Timeout time.Duration
	// BreakerOpenFor is how long an open breaker rests before it lets a probe
	// through. If zero, 5 s.
	BreakerOpenFor time.Duration
	// OnBreaker is called when a host's breaker changes its state ("closed",
	// "half-open", "open"). It must not block. It may be nil.
	OnBreaker func(host, from, to string)
	// Transport, if not nil, carries the requests in place of connections of our
	// own, as tests need it that have no network. It must not follow redirects.
	Transport http.RoundTripper
	// Connections are shared with other Hosts. If nil, these Hosts have their own.
	Connections *Connections
}

// Hosts are WeChat's hosts for one platform: each has a breaker and connections.
// They are safe for concurrent use. Close ends what they run.
type Hosts struct {
	platform errcode.Platform
	hosts    []*host
	timeout  time.Duration
	peeker   *peeker
	heads    *heads

	transport http.RoundTripper // nil: our own connections
	own       *Connections      // nil: they are another's to close
}

// host is one of WeChat's hosts.
type host struct {
	scheme, authority string
	prefix            string // of every path
	target            string // the same as a request line has it
	egressAuth        string // Proxy-Authorization of plain requests through an egress proxy
	breaker           *breaker
	pool              *pool
	dialTimeout       time.Duration
}

// HostStatus is the state of one host.
type HostStatus struct {
	Host  string    // host and port
	State string    // of its breaker: "closed", "half-open" or "open"
	Since time.Time // zero: it was never in another state

	Busy   int // calls under way
	Idle   int // connections that wait for a call
	Wanted int // as many as [Hosts.Warm] has kept ready
	Ahead  int // connections made for that so far
}

// NewHosts returns the Hosts of o. It opens no connection yet. A BaseURL that is
// no http or https URL is an error, and so is none at all.
func NewHosts(o Options) (*Hosts, error) {
	h := &Hosts{platform: cmp.Or(o.Platform, errcode.MP), timeout: cmp.Or(o.Timeout, 30*time.Second), peeker: newPeeker(), heads: newHeads(), transport: o.Transport}
	if o.Connections == nil {
		h.own = &Connections{}
		o.Connections = h.own
	}
	for i, base := range o.BaseURLs {
		one, err := newHost(base, h.timeout, o)
		if err != nil {
			h.Close()
			return nil, fmt.Errorf("upstream %d: %w", i+1, err) // unquoted: it may hold a password
		}
		h.hosts = append(h.hosts, one)
	}
	if len(h.hosts) == 0 {
		return nil, errors.New("no upstream is configured")
	}
	return h, nil
}

func newHost(base string, timeout time.Duration, o Options) (*host, error) {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("not an http or https URL")
	}
	p, err := o.Connections.pool(u.Scheme+"://"+u.Host, func() (*pool, error) {
		d, err := newDialer(u, o.Connections.RootCAs)
		if err != nil {
			return nil, err
		}
		return newPool(d, timeout), nil
	})
	if err != nil {
		return nil, err
	}
	h := &host{scheme: u.Scheme, authority: u.Host, prefix: strings.TrimSuffix(u.EscapedPath(), "/"), pool: p, dialTimeout: dialTimeout(timeout)}
	h.target = h.prefix
	if p.dialer.wholeURL() {
		h.prefix, h.egressAuth = "//"+u.Host+h.prefix, p.dialer.authorization()
		h.target = u.Scheme + ":" + h.prefix
	}
	var onChange func(from, to string)
	if o.OnBreaker != nil {
		onChange = func(from, to string) { o.OnBreaker(h.authority, from, to) }
	}
	handshake := h.handshake
	if o.Transport != nil {
		handshake = func(context.Context) error { return nil } // there is nothing to connect to
	}
	h.breaker = newBreaker(h.authority, cmp.Or(o.BreakerOpenFor, 5*time.Second), handshake, onChange)
	return h, nil
}

// dialTimeout is well under a call's time: then its end is known as a failure to
// connect, and another host can still be tried.
func dialTimeout(timeout time.Duration) time.Duration { return min(10*time.Second, timeout/4) }

// handshake connects, to see whether that can be done.
func (h *host) handshake(ctx context.Context) error {
	c, _, err := h.pool.dialer.dial(ctx)
	if err != nil {
		return err
	}
	_ = c.Close() // it was only to see
	return nil
}

// url is path and query at this host, byte for byte.
func (h *host) url(path, query string) url.URL {
	return url.URL{Scheme: h.scheme, Host: h.authority, Opaque: h.prefix + path, RawQuery: query}
}

// Status returns the state of every host, in order of preference.
func (h *Hosts) Status() []HostStatus {
	out := make([]HostStatus, len(h.hosts))
	for i, one := range h.hosts {
		r := one.pool.reserve
		out[i] = HostStatus{
			Host: one.authority, State: one.breaker.cb.State().String(),
			Busy: int(r.busy.Load()), Idle: one.pool.now.Load().lean.size(), Wanted: r.wanted(), Ahead: int(r.ahead.Load()),
		}
		if ns := one.breaker.changed.Load(); ns != 0 {
			out[i].Since = time.Unix(0, ns)
		}
	}
	return out
}

// Warm keeps connections to each host ready, hands already shaken: as many as there
// were calls at once in the last ten minutes, at most most, and at least one. If
// most is 0, which is how Hosts begin, none are. It is for Hosts whose Connections
// are their own.
func (h *Hosts) Warm(most int) {
	if h.transport != nil {
		return
	}
	for _, one := range h.hosts {
		one.pool.reserve.keep(min(most, maxIdle))
	}
}

// Peer is the other end of a connection.
type Peer struct {
	Addr      string    // address and port that were connected to
	Egress    string    // the egress proxy's host and port, where it is the one at Addr; else ""
	CertUntil time.Time // when its TLS certificate ends; zero without TLS
}

// Shake connects to the first host and shakes hands, to see whether that can be
// done. The error is a *[Failure].
func (h *Hosts) Shake(ctx context.Context) (Peer, error) {
	first := h.hosts[0]
	if h.transport != nil {
		return Peer{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, first.dialTimeout)
	defer cancel()
	c, w, err := first.pool.dialer.dial(ctx)
	if err != nil {
		f := *connectFailure(err)
		f.Host = first.authority
		return Peer{}, &f
	}
	defer c.Close()
	p := Peer{Addr: w.RemoteAddr().String(), Egress: first.pool.dialer.egressName()}
	if secure, ok := c.(*tls.Conn); ok && len(secure.ConnectionState().PeerCertificates) > 0 {
		p.CertUntil = secure.ConnectionState().PeerCertificates[0].NotAfter
	}
	return p, nil
}

// Timeout returns how long WeChat may take for an answer.
func (h *Hosts) Timeout() time.Duration { return h.timeout }

// RetryAfter returns how long it takes until the first breaker that is open has
// rested; at least a second.
func (h *Hosts) RetryAfter(now time.Time) time.Duration {
	least := h.hosts[0].breaker.restsFor(now)
	for _, one := range h.hosts[1:] {
		least = min(least, one.breaker.restsFor(now))
	}
	return max(least, time.Second)
}

// Close ends the probing of hosts and closes the connections that are not in
// use, where they are not shared. Calls under way go on.
func (h *Hosts) Close() {
	for _, one := range h.hosts {
		one.breaker.close()
	}
	if h.own != nil {
		h.own.Close()
	}
}

// othersUp reports whether a host behind the i-th might be tried.
func (h *Hosts) othersUp(i int) bool {
	for _, one := range h.hosts[i+1:] {
		if one.breaker.mayTry() {
			return true
		}
	}
	return false
}
