package operate

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

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
		used[accountOf(a).Platform()] = true
	}
	var hosts []string
	if used[errcode.MP] {
		hosts = append(hosts, c.cfg.Upstreams...)
	}
	if used[errcode.WeCom] {
		hosts = append(hosts, c.cfg.WeComUpstreams...)
	}
	found := make([]Finding, len(hosts))
	forEach(len(hosts), func(i int) { found[i] = c.checkHost(ctx, hosts[i]) })
	return found
}

// checkHost asks a host for nothing, to see whether it can be asked. Any
// answer will do: what it says of tokens, the tokens' checks find out.
func (c *checker) checkHost(ctx context.Context, base string) Finding {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	var remote atomic.Value
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { remote.Store(i.Conn.RemoteAddr().String()) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base+"/", nil)
	if err != nil {
		return Finding{Name: "host", Host: base, Detail: err.Error(), Advice: adviceName()}
	}
	f := Finding{Name: "host", Host: req.URL.Host}
	sent := time.Now()
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		f.Detail, f.Advice = networkTrouble(err, time.Now())
		return f
	}
	_ = resp.Body.Close() // a HEAD's answer has none
	c.noteClock(resp.Header.Get("Date"), sent, time.Now())
	f.OK, f.Detail = true, "it answers"
	if at, _ := remote.Load().(string); at != "" {
		f.Detail += " at " + at
	}
	if proxied(req) {
		f.Detail += ", an HTTP proxy of the environment's"
	}
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		f.Detail += "; its certificate is good until " + day(resp.TLS.PeerCertificates[0].NotAfter)
	}
	return f
}

// proxied reports whether r goes through an HTTP proxy.
func proxied(r *http.Request) bool {
	u, err := http.ProxyFromEnvironment(r)
	return err == nil && u != nil
}

// noteClock compares WeChat's clock with ours, which showed sent and then got.
func (c *checker) noteClock(date string, sent, got time.Time) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return
	}
	c.setClock(theirs.Add(500 * time.Millisecond).Sub(sent.Add(got.Sub(sent) / 2))) // a Date is cut to whole seconds
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
		return Finding{Name: "clock", OK: true, Detail: "it agrees with WeChat's to within 30 s"}, true
	}
	return Finding{
		Name: "clock", OK: true, Warning: true, Advice: adviceClock(),
		Detail: fmt.Sprintf("it is %v %s WeChat's", ahead, word),
	}, true
}
