package admin

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Bounds of what one answer holds.
const (
	pageUsual   = 50
	pageMost    = 200
	mostClients = 200
)

// status is the answer of /api/status: everything the page shows. Names are
// stable; members may be added. Times are RFC 3339 in UTC and left out where
// the thing never happened.
type status struct {
	Now      time.Time    `json:"now"`
	Overview overview     `json:"overview"`
	Accounts accountPage  `json:"accounts"`
	Traffic  traffic      `json:"traffic"`
	Errcodes []errcodeRow `json:"errcodes"` // the most frequent first, at most 200
	Hosts    []hostRow    `json:"hosts"`
	Clients  clientPage   `json:"clients"`
	Events   []eventRow   `json:"events"`   // the last one first, at most 100
	Failures []failureRow `json:"failures"` // the last one first, at most 50
}

// overview is the head of the page.
type overview struct {
	Verdict verdict `json:"verdict"`
	// Ready is what /readyz says.
	Ready    bool           `json:"ready"`
	Draining bool           `json:"draining"`
	Counts   map[health]int `json:"counts"` // accounts by health
	InFlight int            `json:"in_flight"`
	// CallsPerSecond and FailedPerSecond are those of the last full ten seconds.
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

// storeRow is where credentials are kept besides memory.
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

// clientRow is one client. "anonymous" and "other" are there only when they
// called.
type clientRow struct {
	Name     string   `json:"name"`
	Accounts []string `json:"accounts"` // it may use, at most 20; empty: all
	Rules    int      `json:"rules"`
	Rate     float64  `json:"rate"` // calls a second; 0: unlimited
	// Calls and Failed count the last hour, to five minutes.
	Calls  uint64 `json:"calls"`
	Failed uint64 `json:"failed"`
}

// query is which accounts are wanted.
type query struct {
	q, state      string
	offset, limit int
}

func queryOf(v url.Values) query {
	number := func(name string, usual, most int) int {
		n, err := strconv.Atoi(v.Get(name))
		if err != nil || n < 0 {
			return usual
		}
		return min(n, most)
	}
	return query{
		q: clip(v.Get("q"), 100), state: v.Get("state"),
		offset: number("offset", 0, 1<<30), limit: number("limit", pageUsual, pageMost),
	}
}

func (a *Admin) serveStatus(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, a.status(queryOf(r.URL.Query())))
}

func (a *Admin) status(q query) status {
	now, roster := a.opts.Now(), a.rosters.get()
	return status{
		Now: now.UTC(), Overview: a.overview(now, roster), Accounts: a.accountPage(now, roster, q),
		Traffic: a.series.traffic(now), Errcodes: a.errcodes.rows(now), Hosts: hostRows(a.opts.Hosts()),
		Clients: a.clientPage(now), Events: a.events.rows(), Failures: a.failures.newestFirst(),
	}
}

func (a *Admin) overview(now time.Time, r *roster) overview {
	o, store, draining := a.opts, a.opts.Store(), a.opts.Draining()
	f := facts{draining: draining, counts: r.counts, platforms: r.platforms, hosts: o.Hosts(), store: store}
	f.calls, f.broken = a.series.lastMinute(now)
	if len(r.members) > 0 {
		worst := r.members[0]
		f.worst, f.refused, f.code = worst.Name, worst.refused(), tokenOf(worst.statuses).LastRejectedErrcode
	}
	view := overview{
		Verdict: verdictOf(f), Ready: r.live > 0 && !draining, Draining: draining, Counts: r.counts,
		InFlight: o.InFlight(), Store: storeRow(store), Version: o.Version, Revision: o.Revision,
		GoVersion: o.GoVersion, StartedAt: o.Started.UTC(), CanRenew: o.Renew != nil,
		CanExplain: o.Explain != nil, KeyNeeded: a.guard.keyed,
	}
	view.CallsPerSecond, view.FailedPerSecond = a.series.rate(now)
	return view
}

func hostRows(hosts []Host) []hostRow {
	out := make([]hostRow, len(hosts))
	for i, h := range hosts {
		out[i] = hostRow{platform(h.Platform), h.Host, h.State, utc(h.Since)}
	}
	return out
}

func (a *Admin) clientPage(now time.Time) clientPage {
	configured, meters := a.opts.Clients(), a.directory.clients.all()
	page := clientPage{Total: len(configured), Rows: []clientRow{}}
	for _, c := range configured {
		page.Rows = append(page.Rows, clientRowOf(c, meters[c.Name], now))
	}
	for _, name := range []string{labelAnonymous, labelOther} {
		if row := clientRowOf(Client{Name: name}, meters[name], now); row.Calls > 0 {
			page.Rows = append(page.Rows, row)
		}
	}
	slices.SortStableFunc(page.Rows, func(a, b clientRow) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Name, b.Name))
	})
	page.Rows = page.Rows[:min(mostClients, len(page.Rows))]
	return page
}

func clientRowOf(c Client, h *hour, now time.Time) clientRow {
	row := clientRow{Name: c.Name, Accounts: append([]string{}, c.Accounts[:min(20, len(c.Accounts))]...), Rules: c.Rules, Rate: c.Rate}
	if h != nil {
		row.Calls, row.Failed = h.calls.sum(now), h.failed.sum(now)
	}
	return row
}
