package admin

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// member is an account with what is known of it at one moment.
type member struct {
	Account
	statuses []token.Status
	health   health
}

// refused reports that WeChat refuses the member's access_token.
func (m member) refused() bool { return tokenOf(m.statuses).Rejected }

// compareRefused puts a member whose token is refused before one whose is not.
func compareRefused(a, b member) int {
	switch refused := a.refused(); {
	case refused == b.refused():
		return 0
	case refused:
		return -1
	default:
		return 1
	}
}

// roster is all accounts at one moment, those that need somebody first.
// Nobody writes to it.
type roster struct {
	members []member
	counts  map[health]int
	byName  map[string]int // :: name or ID → place in members
	live    int            // how many have a live access_token

	platforms map[errcode.Platform]bool // that have accounts
}

// find returns an account by its name or ID.
func (r *roster) find(nameOrID string) (member, bool) {
	i, ok := r.byName[nameOrID]
	if !ok {
		return member{}, false
	}
	return r.members[i], true
}

// rosters makes rosters, but spends at most a twentieth of the time on that:
// asking after 10,000 accounts takes a while, and many may ask at once.
type rosters struct {
	directory *directory

	mu    sync.Mutex
	held  *roster
	fresh time.Time // until when held is good enough
}

func (r *rosters) get() *roster {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held != nil && time.Now().Before(r.fresh) {
		return r.held
	}
	began := time.Now()
	r.held = r.build()
	r.fresh = time.Now().Add(20 * time.Since(began))
	return r.held
}

// stale makes the next get look again.
func (r *rosters) stale() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = nil
}

func (r *rosters) build() *roster {
	now := r.directory.opts.Now()
	accounts := r.directory.refresh()
	out := &roster{
		members: make([]member, 0, len(accounts)), counts: map[health]int{},
		byName: make(map[string]int, 2*len(accounts)), platforms: map[errcode.Platform]bool{},
	}
	for _, a := range accounts {
		m := member{Account: a, statuses: r.directory.opts.Statuses(a.Name)}
		m.health = healthOf(m.statuses, now)
		out.members = append(out.members, m)
		out.counts[m.health]++
		out.platforms[platform(a.Platform)] = true
		if live(tokenOf(m.statuses)) {
			out.live++
		}
	}
	slices.SortStableFunc(out.members, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.health.rank(), b.health.rank()), compareRefused(a, b), cmp.Compare(a.Name, b.Name))
	})
	for i, m := range out.members {
		if _, taken := out.byName[m.ID]; !taken {
			out.byName[m.ID] = i
		}
	}
	for i, m := range out.members {
		out.byName[m.Name] = i // a name goes before an ID that looks like it
	}
	return out
}

// matching returns the members whose name or ID holds q, whatever the case,
// and whose health or token's state is state. "" matches all.
func (r *roster) matching(q, state string) []member {
	if q == "" && state == "" {
		return r.members
	}
	q = strings.ToLower(q)
	out := []member{}
	for _, m := range r.members {
		if state != "" && state != string(m.health) && state != string(tokenOf(m.statuses).State) {
			continue
		}
		if strings.Contains(strings.ToLower(m.Name), q) || strings.Contains(strings.ToLower(m.ID), q) {
			out = append(out, m)
		}
	}
	return out
}
