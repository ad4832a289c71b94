package admin

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Bounds of the lists in one answer.
const (
	defaultAccounts = 50
	maxAccounts     = 200
	maxClients      = 200
)

// status is the answer of /api/status: everything the page shows. Names are
// stable; members may be added. Times are RFC 3339 in UTC, and absent if the
// thing never happened.
type status struct {
	Now      time.Time       `json:"now"`
	Overview overview        `json:"overview"`
	Accounts accountPage     `json:"accounts"`
	Traffic  stats.Traffic   `json:"traffic"`
	Errcodes []stats.Errcode `json:"errcodes"` // the most frequent first, at most 200
	Hosts    []hostRow       `json:"hosts"`
	Clients  clientPage      `json:"clients"`
	Events   []stats.Event   `json:"events"`   // newest first, at most 100
	Failures []stats.Failure `json:"failures"` // newest first, at most 50
}

// overview is the head of the page.
type overview struct {
	Headline headline `json:"verdict"`
	// Ready is what /readyz says.
	Ready    bool           `json:"ready"`
	Draining bool           `json:"draining"`
	Counts   map[health]int `json:"counts"` // accounts by health
	InFlight int            `json:"in_flight"`
	// CallsPerSecond and FailedPerSecond are of the last full ten seconds.
	CallsPerSecond  float64   `json:"calls_per_second"`
	FailedPerSecond float64   `json:"failed_per_second"`
	Store           storeRow  `json:"store"`
	Version         string    `json:"version,omitempty"`
	Revision        string    `json:"revision,omitempty"`
	GoVersion       string    `json:"go_version,omitempty"`
	StartedAt       time.Time `json:"started_at"`
	// CanRenew, CanExplain and KeyNeeded say what this address offers.
	CanRenew   bool `json:"can_renew"`
	CanExplain bool `json:"can_explain"`
	KeyNeeded  bool `json:"key_needed"`
}

// storeRow is where credentials are kept beside memory.
type storeRow struct {
	Name   string `json:"name"`
	Shared bool   `json:"shared"`
	Up     bool   `json:"up"`
}

// hostRow is one of WeChat's hosts.
type hostRow struct {
	Platform errcode.Platform `json:"platform"`
	Host     string           `json:"host"`
	Breaker  string           `json:"breaker"` // closed, half-open or open
	Since    time.Time        `json:"since,omitzero"`
}

// clientPage is the clients, the busiest first, at most 200.
type clientPage struct {
	Total int         `json:"total"`
	Rows  []clientRow `json:"rows"`
}

// clientRow is one client. "anonymous" and "other" appear only if they called.
type clientRow struct {
	Name     string   `json:"name"`
	Accounts []string `json:"accounts"` // it may use, at most 20; empty: all
	Rules    int      `json:"rules"`
	Rate     float64  `json:"rate"` // calls a second; 0: unlimited
	// Calls and Failed count the last hour, to five minutes.
	Calls  uint64 `json:"calls"`
	Failed uint64 `json:"failed"`
}

// selection is which accounts a request for the status asks for.
type selection struct {
	search, state string
	offset, limit int
}

func selectionOf(v url.Values) selection {
	number := func(name string, otherwise, limit int) int {
		n, err := strconv.Atoi(v.Get(name))
		if err != nil || n < 0 {
			return otherwise
		}
		return min(n, limit)
	}
	return selection{
		search: stats.Clip(v.Get("q"), 100), state: v.Get("state"),
		offset: number("offset", 0, 1<<30), limit: number("limit", defaultAccounts, maxAccounts),
	}
}

func (a *Admin) serveStatus(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, a.status(selectionOf(r.URL.Query())))
}

func (a *Admin) status(sel selection) status {
	now, snapshot := a.opts.Now(), a.snapshots.get()
	return status{
		Now: now.UTC(), Overview: a.overview(now, snapshot), Accounts: a.accountPage(now, snapshot, sel),
		Traffic: a.stats.Traffic(now), Errcodes: a.stats.Errcodes(now), Hosts: hostRows(a.opts.Hosts()),
		Clients: a.clientPage(now), Events: a.stats.Events(), Failures: a.stats.Failures(),
	}
}

func (a *Admin) overview(now time.Time, s *snapshot) overview {
	o, store, draining := a.opts, a.opts.Store(), a.opts.Draining()
	c := conditions{draining: draining, counts: s.counts, platforms: s.platforms, hosts: o.Hosts(), store: store}
	c.calls, c.faults = a.stats.LastMinute(now)
	if len(s.accounts) > 0 {
		worst := s.accounts[0]
		c.worst, c.rejected, c.code = worst.Name, worst.rejected(), accessToken(worst.statuses).LastRejectedErrcode
	}
	view := overview{
		Headline: headlineFor(c), Ready: s.usable > 0 && !draining, Draining: draining, Counts: s.counts,
		InFlight: o.InFlight(), Store: storeRow(store), Version: o.Version, Revision: o.Revision,
		GoVersion: o.GoVersion, StartedAt: o.Started.UTC(), CanRenew: o.Renew != nil,
		CanExplain: o.Explain != nil, KeyNeeded: a.guard.keyed,
	}
	view.CallsPerSecond, view.FailedPerSecond = a.stats.Rate(now)
	return view
}

func hostRows(hosts []Host) []hostRow {
	out := make([]hostRow, len(hosts))
	for i, h := range hosts {
		out[i] = hostRow{cmp.Or(h.Platform, errcode.MP), h.Host, h.State, utc(h.Since)}
	}
	return out
}

func (a *Admin) clientPage(now time.Time) clientPage {
	configured := a.opts.Clients()
	page := clientPage{Total: len(configured), Rows: []clientRow{}}
	for _, c := range configured {
		page.Rows = append(page.Rows, a.clientRow(c, now))
	}
	for _, name := range []string{stats.Anonymous, stats.Other} {
		if row := a.clientRow(Client{Name: name}, now); row.Calls > 0 {
			page.Rows = append(page.Rows, row)
		}
	}
	slices.SortStableFunc(page.Rows, func(a, b clientRow) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Name, b.Name))
	})
	page.Rows = page.Rows[:min(maxClients, len(page.Rows))]
	return page
}

func (a *Admin) clientRow(c Client, now time.Time) clientRow {
	row := clientRow{Name: c.Name, Accounts: append([]string{}, c.Accounts[:min(20, len(c.Accounts))]...), Rules: c.Rules, Rate: c.Rate}
	row.Calls, row.Failed = a.stats.Client(c.Name, now)
	return row
}
