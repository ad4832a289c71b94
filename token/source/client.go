// Package source gets credentials from WeChat: access_tokens by appid and
// secret, and tickets. A [Client] knows the hosts; each of its methods makes a
// [token.Source].
//
// Map:
//
//	client.go   the Client: WeChat's hosts, and how far its clock is from ours
//	account.go  which credentials an account has, and where each comes from
//	tokens.go   access_tokens: stable, legacy, WeCom
//	ticket.go   tickets, fetched with the account's own token
//	ask.go      one question to WeChat, whichever host answers
//	answer.go   how an answer becomes a credential
package source

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Options are the settings of a [Client].
type Options struct {
	// Platform is that of the hosts. If empty, errcode.MP.
	Platform errcode.Platform
	// Upstreams are the base URLs of WeChat's hosts in order of preference:
	// "https://api.weixin.qq.com". A path of theirs goes before WeChat's own.
	Upstreams []string
	// Connections are shared with other Clients. If nil, the Client has its own.
	// They are better not shared with calls: those in trouble must not hinder a
	// renewal.
	Connections *wechat.Connections
	// Transport, if not nil, carries the requests in place of connections; it must
	// not follow redirects.
	Transport http.RoundTripper
	// BreakerOpenFor is how long a host rests that failed several times. If zero,
	// 5 s.
	BreakerOpenFor time.Duration
	// Now is the clock that [Client.ClockOffset] compares with WeChat's. If nil,
	// time.Now.
	Now func() time.Time
	// OnBreaker is called when a host's breaker changes between "closed", "open"
	// and "half-open". It must not block. It may be nil.
	OnBreaker func(host, from, to string)
}

// Client asks WeChat for credentials. Its breakers are its own. It is safe for
// concurrent use.
type Client struct {
	hosts    *wechat.Hosts
	platform errcode.Platform
	now      func() time.Time
	offset   atomic.Pointer[time.Duration]
}

// NewClient returns a Client for the hosts of one platform. An upstream that is
// no base URL is an error, and so is none at all.
func NewClient(o Options) (*Client, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	hosts, err := wechat.NewHosts(wechat.Options{
		Platform: o.Platform, BaseURLs: o.Upstreams, Timeout: fetchTimeout, BreakerOpenFor: o.BreakerOpenFor,
		OnBreaker: o.OnBreaker, Connections: o.Connections, Transport: o.Transport,
	})
	if err != nil {
		return nil, err
	}
	return &Client{hosts: hosts, platform: o.Platform, now: o.Now}, nil
}

// Close ends the Client's probing of hosts and closes its idle connections,
// unless they are shared. Fetches under way end as their contexts say.
func (c *Client) Close() { c.hosts.Close() }

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
