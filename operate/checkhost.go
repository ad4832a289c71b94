package operate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token/fromconfig"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

const (
	hostTimeout    = 10 * time.Second
	clockTolerance = 30 * time.Second
)

// checkHosts checks whether the hosts of the platforms in use can be reached.
func (c *checker) checkHosts(ctx context.Context) []Finding {
	used := map[errcode.Platform]bool{}
	for _, a := range c.cfg.Accounts {
		used[fromconfig.Account(a).Platform()] = true
	}
	var hosts []string
	for _, platform := range []errcode.Platform{errcode.MP, errcode.WeCom} {
		if used[platform] {
			hosts = append(hosts, fromconfig.Upstreams(c.cfg, platform)...)
		}
	}
	found := make([]Finding, len(hosts))
	forEach(len(hosts), func(i int) { found[i] = c.checkHost(ctx, hosts[i]) })
	return found
}

// checkHost shakes hands with a host and asks it for nothing. Any answer will do:
// what it says of tokens, the tokens' checks find out.
func (c *checker) checkHost(ctx context.Context, base string) Finding {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	hosts, err := wechat.NewHosts(wechat.Options{BaseURLs: []string{base}, Timeout: hostTimeout, Connections: &c.connections, Transport: c.transport})
	if err != nil {
		return Finding{Name: "host", Host: base, Detail: err.Error(), Advice: remedy((&wechat.Failure{Kind: wechat.NoSuchHost}).Advice())}
	}
	defer hosts.Close()
	f := Finding{Name: "host", Host: hosts.Status()[0].Host}
	peer, err := hosts.Shake(ctx)
	if err != nil {
		return hostFailed(f, err)
	}
	sent := time.Now()
	answer, err := hosts.Send(ctx, &wechat.Call{Method: http.MethodHead, Path: "/"})
	if err != nil {
		return hostFailed(f, err)
	}
	_ = answer.Body.Close() // a HEAD's answer has none
	if ahead, ok := wechat.ClockAhead(answer.Header.Get("Date"), sent, time.Now()); ok {
		c.setClock(ahead)
	}
	f.OK, f.Detail = true, "reachable"
	switch {
	case peer.Egress != "":
		f.Detail += " through the egress proxy " + peer.Egress
	case peer.Addr != "":
		f.Detail += " at " + peer.Addr
	}
	if !peer.CertUntil.IsZero() {
		f.Detail += "; TLS certificate valid until " + peer.CertUntil.UTC().Format(time.DateOnly)
	}
	return f
}

// hostFailed completes a finding with why WeChat could not be asked, in the
// words that the proxy uses too.
func hostFailed(f Finding, err error) Finding {
	f.Detail = err.Error()
	var road *wechat.Failure
	if errors.As(err, &road) {
		if f.Host != "" {
			f.Detail = road.Words()
		}
		f.Advice = remedy(road.Advice())
	}
	if road != nil && road.Kind == wechat.CertExpired {
		f.Detail += "; this machine's clock says " + time.Now().UTC().Format(time.RFC3339)
	}
	return f
}

func (c *checker) setClock(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = &ahead
}

// checkClock compares WeChat's clock with ours. It is not ok if no answer of
// WeChat's had a date.
func (c *checker) checkClock() (f Finding, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead == nil {
		return Finding{}, false
	}
	ahead, word := c.ahead.Round(time.Second), "behind"
	if ahead < 0 {
		ahead, word = -ahead, "ahead of"
	}
	if ahead <= clockTolerance {
		return Finding{Name: "clock", OK: true, Detail: "within 30 s of WeChat's clock"}, true
	}
	return Finding{
		Name: "clock", OK: true, Warning: true, Advice: adviceClock(),
		Detail: fmt.Sprintf("it is %v %s WeChat's", ahead, word),
	}, true
}
