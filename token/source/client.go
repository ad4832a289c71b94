// Package source gets credentials from WeChat: access_tokens by appid and
// secret (stable and legacy), those of WeCom agents, and tickets. A [Client]
// knows how the hosts are reached; its methods make a [token.Source] each.
package source

import (
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// DefaultBreakerOpenFor is how long an open breaker rests where
// [Options.BreakerOpenFor] is zero.
const DefaultBreakerOpenFor = 5 * time.Second

// Options are the settings of a [Client].
type Options struct {
	// Upstreams are the base URLs of WeChat's hosts, the preferred one first:
	// "https://api.weixin.qq.com". A path of theirs goes before WeChat's own.
	// With none, and of one that is no base URL, every fetch fails.
	Upstreams []string
	// Transport sends the requests. If nil, the Client has its own, which obeys
	// the proxy variables of the environment. One that is given must not follow
	// redirects, and the Client does not close it.
	Transport http.RoundTripper
	// BreakerOpenFor is how long a host rests after five failures in a row. If
	// zero, [DefaultBreakerOpenFor].
	BreakerOpenFor time.Duration
	// Now is the clock that [Client.ClockOffset] compares with WeChat's. If nil,
	// time.Now.
	Now func() time.Time
	// OnBreaker is told when a host's breaker changes between "closed", "open"
	// and "half-open". It must not block. If nil, nobody is told.
	OnBreaker func(host, from, to string)
}

// Client asks WeChat for credentials. It shares no connection and no breaker
// with anything else, so that calls in trouble cannot hinder a renewal. It is
// safe for concurrent use.
type Client struct {
	transport http.RoundTripper
	own       *http.Transport // transport, where it is the Client's own
	hosts     []*host
	now       func() time.Time
	offset    atomic.Pointer[time.Duration]
}

// NewClient returns a Client for the hosts of one platform.
func NewClient(o Options) *Client {
	c := &Client{transport: o.Transport, now: o.Now}
	if c.now == nil {
		c.now = time.Now
	}
	if c.transport == nil {
		c.own = NewTransport()
		c.transport = c.own
	}
	for i, base := range o.Upstreams {
		c.hosts = append(c.hosts, newHost(i, base, o))
	}
	return c
}

// Close closes the idle connections of the Client's own transport. Fetches
// under way end as their contexts say.
func (c *Client) Close() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

// drop closes the idle connections, whoever's they are: the access point behind
// one of them is retired.
func (c *Client) drop() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// ClockOffset returns by how much WeChat's clock is ahead of ours (negative:
// behind), as the Date header of its last answer said, give or take a second;
// false before the first answer.
func (c *Client) ClockOffset() (time.Duration, bool) {
	d := c.offset.Load()
	if d == nil {
		return 0, false
	}
	return *d, true
}

// newTransport is made for one request every now and then: connections are not
// kept for long, so that every renewal finds the addresses of the day.
// NewTransport returns a transport for token endpoints, to be shared by Clients;
// it obeys the proxy variables of the environment and follows no redirect.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    8,
		DisableCompression:     true, // a short answer must not become a long one
		MaxResponseHeaderBytes: 64 << 10,
	}
}
