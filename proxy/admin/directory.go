package admin

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// directory finds the counters of configured accounts and clients. Names that
// are not configured share those of "other", so that what it holds, and what
// metrics show, is bounded by the settings.
type directory struct {
	opts     Options
	accounts cow[string, *meter]
	clients  cow[string, *hour]
	series   atomic.Int64 // of requests_total, in all accounts

	mu   sync.Mutex
	last time.Time    // when a name that is not known made us look again
	gone func(string) // told of each account that is no longer configured
}

func newDirectory(o Options, gone func(account string)) *directory {
	d := &directory{opts: o, gone: gone}
	d.refresh()
	return d
}

// account returns the counters of an account. One that is not known may be
// new: then the settings are asked again, at most once a second.
func (d *directory) account(name string, now time.Time) *meter {
	if name == "" {
		name = labelNone
	}
	if m, ok := d.accounts.get(name); ok {
		return m
	}
	if d.lookAgain(now) {
		if m, ok := d.accounts.get(name); ok {
			return m
		}
	}
	m, _ := d.accounts.get(labelOther)
	return m
}

// client returns the counters of a client, in the same way.
func (d *directory) client(name string, now time.Time) *hour {
	if name == "" {
		name = labelAnonymous
	}
	if h, ok := d.clients.get(name); ok {
		return h
	}
	if d.lookAgain(now) {
		if h, ok := d.clients.get(name); ok {
			return h
		}
	}
	h, _ := d.clients.get(labelOther)
	return h
}

func (d *directory) lookAgain(now time.Time) bool {
	d.mu.Lock()
	again := now.Sub(d.last) >= time.Second || now.Before(d.last)
	if again {
		d.last = now
	}
	d.mu.Unlock()
	if again {
		d.refresh()
	}
	return again
}

// refresh takes over what is configured now and returns the accounts. What
// stayed keeps its counters.
func (d *directory) refresh() []Account {
	d.mu.Lock()
	defer d.mu.Unlock()
	accounts := d.opts.Accounts()
	if d.changed(accounts) {
		d.takeAccounts(accounts)
	}
	d.takeClients(d.opts.Clients())
	return accounts
}

// changed reports whether other accounts are configured than before.
func (d *directory) changed(accounts []Account) bool {
	held := d.accounts.all()
	for _, a := range accounts {
		if m := held[a.Name]; m == nil || m.platform != platform(a.Platform) {
			return true
		}
	}
	return len(held) != len(accounts)+2 // an account called "none" or "other" is merely looked at each time
}

func (d *directory) takeAccounts(accounts []Account) {
	old := d.accounts.all()
	next := make(map[string]*meter, len(accounts)+2)
	keep := func(name string, p errcode.Platform) {
		m := old[name]
		if m == nil || m.platform != p {
			m = &meter{name: name, platform: p}
		}
		next[name] = m
	}
	keep(labelNone, errcode.MP)
	keep(labelOther, errcode.MP)
	for _, a := range accounts {
		keep(a.Name, platform(a.Platform))
	}
	d.accounts.set(next)
	for name, m := range old {
		if next[name] != m {
			d.series.Add(-int64(len(m.outcomes.all())))
			d.gone(name)
		}
	}
}

func (d *directory) takeClients(clients []Client) {
	old := d.clients.all()
	next := make(map[string]*hour, len(clients)+2)
	for _, name := range append(clientNames(clients), labelAnonymous, labelOther) {
		if next[name] = old[name]; next[name] == nil {
			next[name] = &hour{}
		}
	}
	d.clients.set(next)
}

func clientNames(clients []Client) []string {
	names := make([]string, len(clients))
	for i, c := range clients {
		names[i] = c.Name
	}
	return names
}
