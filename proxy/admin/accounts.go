package admin

import (
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// accountPage is some of the accounts, those that need somebody first.
type accountPage struct {
	Total    int          `json:"total"`    // accounts there are
	Matching int          `json:"matching"` // of them, what ?q= and ?state= leave
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
	// tried again.
	RenewAt   time.Time `json:"renew_at,omitzero"`
	NextTryAt time.Time `json:"next_try_at,omitzero"`
	// LifeSeconds is its whole life: what expires_at − now is a part of.
	LifeSeconds int64      `json:"life_seconds,omitempty"`
	LastError   *lastError `json:"last_error,omitempty"`
	// LastRejectedAt and LastRefusedErrcode tell when WeChat last refused it in a
	// call.
	LastRejectedAt     time.Time `json:"last_refused_at,omitzero"`
	LastRefusedErrcode int       `json:"last_refused_errcode,omitempty"`
	// Refused: WeChat refused the value that is held, in the last call that told.
	Refused bool `json:"refused,omitempty"`
	// CooldownUntil is until when refusals start no renewal.
	CooldownUntil time.Time `json:"quiet_until,omitzero"`
	// ForcedLeft is what is left of the 20 renewals on refusal; absent: it has no
	// such budget.
	ForcedLeft *int `json:"forced_left,omitempty"`
	// Rogue: somebody else seems to fetch this token too.
	Rogue    bool   `json:"rogue,omitempty"`
	Renewals uint64 `json:"renewals"` // of this process, that succeeded
}

func (a *Admin) accountPage(now time.Time, r *roster, q query) accountPage {
	members := r.matching(q.q, q.state)
	page := accountPage{Total: len(r.members), Matching: len(members), Offset: min(q.offset, len(members)), Rows: []accountRow{}}
	members = members[page.Offset:]
	for _, m := range members[:min(q.limit, len(members))] {
		page.Rows = append(page.Rows, a.accountRow(now, m))
	}
	return page
}

func (a *Admin) accountRow(now time.Time, m member) accountRow {
	row := accountRow{
		Name: m.Name, ID: m.ID, Kind: m.Kind, Platform: platform(m.Platform), TokenAPI: m.TokenAPI, Default: m.Default,
		Health: m.health, Credentials: make([]credentialRow, len(m.statuses)),
	}
	if meter, ok := a.directory.accounts.get(m.Name); ok {
		row.Calls, row.Failed = meter.hour.calls.sum(now), meter.hour.failed.sum(now)
	}
	for i, s := range m.statuses {
		row.Credentials[i] = credentialRowOf(s, now)
	}
	return row
}

// usualLife is what WeChat gives a credential. One that was fetched in the
// middle of its life has lived already.
const usualLife = 2 * time.Hour

func credentialRowOf(s token.Status, now time.Time) credentialRow {
	row := credentialRow{
		Kind: s.Key.Kind, State: s.State, FetchedAt: utc(s.FetchedAt), ExpiresAt: utc(s.ExpiresAt), RenewAt: utc(s.RenewAt),
		NextTryAt: utc(s.NextTryAt), LastError: lastErrorOf(s), LastRejectedAt: utc(s.LastRejectedAt),
		LastRefusedErrcode: s.LastRejectedErrcode, Refused: s.Rejected, Rogue: s.Rogue, Renewals: s.Renewals,
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
