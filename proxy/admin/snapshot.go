package admin

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// snapshot is all accounts at one moment. It is not written to once it is made.
type snapshot struct {
	accounts []accountState // the least healthy first
	counts   map[health]int
	index    map[string]int // name or ID → index in accounts
	usable   int            // accounts with a usable access_token

	platforms map[errcode.Platform]bool // that have accounts
}

// accountState is an account with what is known of it. Its Platform is not
// empty.
type accountState struct {
	Account
	statuses []token.Status
	health   health
}

// rejected reports whether WeChat rejects the account's access_token.
func (a accountState) rejected() bool { return accessToken(a.statuses).Rejected }

// find returns an account by its name or ID.
func (s *snapshot) find(nameOrID string) (accountState, bool) {
	i, ok := s.index[nameOrID]
	if !ok {
		return accountState{}, false
	}
	return s.accounts[i], true
}

// matching returns the accounts whose name or ID contains search, whatever the
// case, and whose health or token's state is state. "" matches all.
func (s *snapshot) matching(search, state string) []accountState {
	if search == "" && state == "" {
		return s.accounts
	}
	search = strings.ToLower(search)
	out := []accountState{}
	for _, a := range s.accounts {
		if state != "" && state != string(a.health) && state != string(accessToken(a.statuses).State) {
			continue
		}
		if strings.Contains(strings.ToLower(a.Name), search) || strings.Contains(strings.ToLower(a.ID), search) {
			out = append(out, a)
		}
	}
	return out
}

// snapshots makes snapshots, but spends at most a twentieth of the time on it:
// one of 10,000 accounts takes a while, and many requests may need one.
type snapshots struct {
	opts  Options
	stats *stats.Stats

	mu      sync.Mutex
	current *snapshot
	until   time.Time // when current is too old
}

func (s *snapshots) get() *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && time.Now().Before(s.until) {
		return s.current
	}
	began := time.Now()
	s.current = s.take()
	s.until = time.Now().Add(20 * time.Since(began))
	return s.current
}

// invalidate makes the next get take a new snapshot.
func (s *snapshots) invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = nil
}

func (s *snapshots) take() *snapshot {
	s.stats.Refresh()
	now, accounts := s.opts.Now(), s.opts.Accounts()
	out := &snapshot{
		accounts: make([]accountState, 0, len(accounts)), counts: map[health]int{},
		index: make(map[string]int, 2*len(accounts)), platforms: map[errcode.Platform]bool{},
	}
	for _, account := range accounts {
		account.Platform = cmp.Or(account.Platform, errcode.MP)
		a := accountState{Account: account, statuses: s.opts.Statuses(account.Name)}
		a.health = healthOf(a.statuses, now)
		out.accounts = append(out.accounts, a)
		out.counts[a.health]++
		out.platforms[a.Platform] = true
		if usable(accessToken(a.statuses)) {
			out.usable++
		}
	}
	slices.SortStableFunc(out.accounts, func(a, b accountState) int {
		return cmp.Or(cmp.Compare(a.health.rank(), b.health.rank()), rejectedFirst(a, b), cmp.Compare(a.Name, b.Name))
	})
	for i, a := range out.accounts {
		if _, taken := out.index[a.ID]; !taken {
			out.index[a.ID] = i
		}
	}
	for i, a := range out.accounts {
		out.index[a.Name] = i // a name takes precedence over an ID
	}
	return out
}

// rejectedFirst puts an account whose token WeChat rejects before one whose
// token it accepts.
func rejectedFirst(a, b accountState) int {
	switch rejected := a.rejected(); {
	case rejected == b.rejected():
		return 0
	case rejected:
		return -1
	default:
		return 1
	}
}
