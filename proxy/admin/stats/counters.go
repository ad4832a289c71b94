package stats

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Names under which calls are counted that have none of their own.
const (
	none      = "none"      // calls refused before an account was chosen
	Anonymous = "anonymous" // clients without a name
	Other     = "other"     // names that are not configured, and what is beyond a cap
)

// Caps on the series of requests_total: of one account, and of all.
const (
	maxAccountSeries = 200
	maxSeries        = 100_000
)

// counters are the counters of the configured accounts and clients. Names that
// are not configured share those of [Other], so that what is held here, and
// what metrics show, is bounded by the settings.
type counters struct {
	opts     Options
	accounts copyOnWrite[string, *accountCounter]
	clients  copyOnWrite[string, *callCounter]
	series   atomic.Int64 // of requests_total, in all accounts

	mu        sync.Mutex
	refreshed time.Time            // when an unknown name made us refresh
	removed   func(account string) // called when an account is no longer configured
}

func newCounters(o Options, removed func(account string)) *counters {
	c := &counters{opts: o, removed: removed}
	c.refresh()
	return c
}

// account returns the counter of an account. An unknown name may be a new
// account: then the settings are asked again, at most once a second.
func (c *counters) account(name string, now time.Time) *accountCounter {
	if name == "" {
		name = none
	}
	if a, ok := c.accounts.get(name); ok {
		return a
	}
	if c.refreshIfDue(now) {
		if a, ok := c.accounts.get(name); ok {
			return a
		}
	}
	a, _ := c.accounts.get(Other)
	return a
}

// client returns the counter of a client, in the same way.
func (c *counters) client(name string, now time.Time) *callCounter {
	if name == "" {
		name = Anonymous
	}
	if n, ok := c.clients.get(name); ok {
		return n
	}
	if c.refreshIfDue(now) {
		if n, ok := c.clients.get(name); ok {
			return n
		}
	}
	n, _ := c.clients.get(Other)
	return n
}

func (c *counters) refreshIfDue(now time.Time) bool {
	c.mu.Lock()
	due := now.Sub(c.refreshed) >= time.Second || now.Before(c.refreshed)
	if due {
		c.refreshed = now
	}
	c.mu.Unlock()
	if due {
		c.refresh()
	}
	return due
}

// refresh takes over what is configured now. Names that stay keep their
// counters.
func (c *counters) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.accountsChanged() {
		c.takeAccounts()
	}
	c.takeClients()
}

// accountsChanged spares a proxy with thousands of accounts a new map at each
// refresh.
func (c *counters) accountsChanged() bool {
	held, configured := c.accounts.all(), 0
	for name, p := range c.opts.Accounts() {
		if a := held[name]; a == nil || a.platform != p {
			return true
		}
		configured++
	}
	return len(held) != configured+2 // an account called "none" or "other" only costs a new map each time
}

func (c *counters) takeAccounts() {
	old := c.accounts.all()
	next := map[string]*accountCounter{}
	keep := func(name string, p errcode.Platform) {
		a := old[name]
		if a == nil || a.platform != p {
			a = &accountCounter{name: name, platform: p}
		}
		next[name] = a
	}
	keep(none, errcode.MP)
	keep(Other, errcode.MP)
	for name, p := range c.opts.Accounts() {
		keep(name, p)
	}
	c.accounts.replace(next)
	for name, a := range old {
		if next[name] != a {
			c.series.Add(-int64(len(a.outcomes.all())))
			c.removed(name)
		}
	}
}

func (c *counters) takeClients() {
	old := c.clients.all()
	next := map[string]*callCounter{}
	keep := func(name string) {
		if next[name] = old[name]; next[name] == nil {
			next[name] = &callCounter{}
		}
	}
	keep(Anonymous)
	keep(Other)
	for name := range c.opts.Clients() {
		keep(name)
	}
	c.clients.replace(next)
}

// accountCounter counts the calls of one account.
type accountCounter struct {
	name     string
	platform errcode.Platform
	calls    callCounter
	outcomes copyOnWrite[outcome, *atomic.Uint64] // each is a series of requests_total
}

// outcome returns the counter for a call of a that ended like call.
func (c *counters) outcome(a *accountCounter, call *Call) *atomic.Uint64 {
	o := outcomeOf(call)
	if n, ok := a.outcomes.get(o); ok {
		return n
	}
	full := func(n int) bool { return n >= maxAccountSeries || c.series.Load() >= maxSeries }
	create := func() *atomic.Uint64 { c.series.Add(1); return new(atomic.Uint64) }
	if n, ok := a.outcomes.getOrAdd(o, full, create); ok {
		return n
	}
	n, _ := a.outcomes.getOrAdd(o.coarse(), func(int) bool { return false }, create) // some 20 of them
	return n
}

// outcome is what requests_total tells apart within an account.
type outcome struct {
	class        string
	status, code int
}

// codeOther stands for every errcode that is not in the table.
const codeOther = -1 << 31

func outcomeOf(c *Call) outcome {
	code := c.Errcode
	if code != 0 && !errcode.Known(c.Platform, code) {
		code = codeOther
	}
	return outcome{c.Class, c.Status, code}
}

// coarse is the outcome without its details, for calls beyond a cap.
func (o outcome) coarse() outcome {
	if o.code != 0 {
		o.code = codeOther
	}
	return outcome{Other, min(max(o.status/100, 0), 9) * 100, o.code}
}

// labels returns class, status and errcode as metrics have them.
func (o outcome) labels() (class, status, code string) {
	code = Other
	if o.code != codeOther {
		code = strconv.Itoa(o.code)
	}
	return o.class, strconv.Itoa(o.status), code
}
