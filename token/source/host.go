package source

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// failuresToOpen is how many failures in a row open a host's breaker.
const failuresToOpen = 5

// host is one of WeChat's hosts.
type host struct {
	name    string   // as operators know it
	base    *url.URL // nil: what was configured is no base URL
	breaker *gobreaker.CircuitBreaker[token.Fetched]
}

func newHost(i int, base string, o Options) *host {
	h := &host{name: "upstream " + strconv.Itoa(i+1)}
	if u, err := url.Parse(base); err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		h.name = u.Host
		h.base = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}
	}
	openFor := o.BreakerOpenFor
	if openFor <= 0 {
		openFor = DefaultBreakerOpenFor
	}
	s := gobreaker.Settings{
		Name:         h.name,
		Timeout:      openFor,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresToOpen },
		IsSuccessful: func(err error) bool { return !blamesHost(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
	}
	if o.OnBreaker != nil {
		s.OnStateChange = func(name string, from, to gobreaker.State) { o.OnBreaker(name, from.String(), to.String()) }
	}
	h.breaker = gobreaker.NewCircuitBreaker[token.Fetched](s)
	return h
}

// resting reports whether asking the host now would be refused by its breaker.
func (h *host) resting() bool { return h.breaker.State() == gobreaker.StateOpen }

// share is how much of left one attempt may take: half while another host is
// there to be tried after it.
func share(left time.Duration, another bool) time.Duration {
	if another {
		return left / 2
	}
	return left
}
