package admin

import (
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// accountPage is some of the accounts, the least healthy first.
type accountPage struct {
	Total    int          `json:"total"`    // configured accounts
	Matching int          `json:"matching"` // of them, those that match ?q= and ?state=
	Offset   int          `json:"offset"`
	Rows     []accountRow `json:"rows"`
}

// accountRow is one account.
type accountRow struct {
	Name     string           `json:"name"`
	ID       string           `json:"id"`
	Kind     string           `json:"kind,omitempty"`
	Platform errcode.Platform `json:"platform"`
	TokenAPI string           `json:"token_api,omitempty"`
	Default  bool             `json:"default,omitempty"`
	// Health is ok, warning, starting or down.
	Health health `json:"health"`
	// Calls and Failed count the last hour, to five minutes.
	Calls       uint64          `json:"calls"`
	Failed      uint64          `json:"failed"`
	Credentials []credentialRow `json:"credentials"` // the access_token first
}

// credentialRow is one credential, without its value.
type credentialRow struct {
	Kind      token.Kind  `json:"kind"`
	State     token.State `json:"state"` // empty, fresh, stale or expired
	FetchedAt time.Time   `json:"fetched_at,omitzero"`
	ExpiresAt time.Time   `json:"expires_at,omitzero"`
	// RenewAt is when the schedule renews it, NextTryAt when a failed fetch is
	// retried.
	RenewAt   time.Time `json:"renew_at,omitzero"`
	NextTryAt time.Time `json:"next_try_at,omitzero"`
	// LifeSeconds is its whole life, of which expires_at − now is left.
	LifeSeconds int64      `json:"life_seconds,omitempty"`
	LastError   *lastError `json:"last_error,omitempty"`
	// LastRejectedAt and LastRejectedErrcode tell when WeChat last rejected it in a
	// call.
	LastRejectedAt      time.Time `json:"last_refused_at,omitzero"`
	LastRejectedErrcode int       `json:"last_refused_errcode,omitempty"`
	// Rejected: WeChat rejected the value in use, in the last call that told.
	Rejected bool `json:"refused,omitempty"`
	// CooldownUntil is when rejections start renewals again.
	CooldownUntil time.Time `json:"quiet_until,omitzero"`
	// ForcedLeft is how many of the day's 20 forced renewals are left; absent: it
	// has no such budget.
	ForcedLeft *int `json:"forced_left,omitempty"`
	// Rogue: another program seems to fetch this token too.
	Rogue    bool   `json:"rogue,omitempty"`
	Renewals uint64 `json:"renewals"` // that succeeded in this process
}

func (a *Admin) accountPage(now time.Time, s *snapshot, sel selection) accountPage {
	matching := s.matching(sel.search, sel.state)
	page := accountPage{Total: len(s.accounts), Matching: len(matching), Offset: min(sel.offset, len(matching)), Rows: []accountRow{}}
	matching = matching[page.Offset:]
	for _, account := range matching[:min(sel.limit, len(matching))] {
		page.Rows = append(page.Rows, a.accountRow(now, account))
	}
	return page
}

func (a *Admin) accountRow(now time.Time, account accountState) accountRow {
	row := accountRow{
		Name: account.Name, ID: account.ID, Kind: account.Kind, Platform: account.Platform, TokenAPI: account.TokenAPI, Default: account.Default,
		Health: account.health, Credentials: make([]credentialRow, len(account.statuses)),
	}
	row.Calls, row.Failed = a.stats.Account(account.Name, now)
	for i, s := range account.statuses {
		row.Credentials[i] = credentialRowOf(s, now)
	}
	return row
}

// usualLife is how long a credential of WeChat's lives. One that was fetched in
// the middle of its life has less left, not a shorter life.
const usualLife = 2 * time.Hour

func credentialRowOf(s token.Status, now time.Time) credentialRow {
	row := credentialRow{
		Kind: s.Key.Kind, State: s.State, FetchedAt: utc(s.FetchedAt), ExpiresAt: utc(s.ExpiresAt), RenewAt: utc(s.RenewAt),
		NextTryAt: utc(s.NextTryAt), LastError: lastErrorOf(s), LastRejectedAt: utc(s.LastRejectedAt),
		LastRejectedErrcode: s.LastRejectedErrcode, Rejected: s.Rejected, Rogue: s.Rogue, Renewals: s.Renewals,
	}
	if !s.ExpiresAt.IsZero() {
		row.LifeSeconds = int64(max(usualLife, s.ExpiresAt.Sub(s.FetchedAt)) / time.Second)
	}
	if now.Before(s.CooldownUntil) {
		row.CooldownUntil = utc(s.CooldownUntil)
	}
	if s.ForcedLeft >= 0 {
		row.ForcedLeft = new(s.ForcedLeft)
	}
	return row
}

// utc keeps the zero time zero.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
