package admin

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// maxReady bounds how many accounts /readyz lists.
const maxReady = 100

// readyAnswer is what /readyz says.
type readyAnswer struct {
	// Ready: at least one account has a usable access_token (with ?account=, that
	// one), and the process is not shutting down. A token that WeChat rejects is
	// not usable if no other could be fetched.
	Ready    bool `json:"ready"`
	Draining bool `json:"draining"`
	// Counts says how many accounts are down, warning, starting and ok.
	Counts map[health]int `json:"counts"`
	// Accounts are at most 100, the least healthy first.
	Accounts []readyRow `json:"accounts"`
}

// readyRow is one account.
type readyRow struct {
	Name  string      `json:"name"`
	State token.State `json:"state"`
	// SecondsLeft is what is left of its access_token's life.
	SecondsLeft int64 `json:"seconds_left"`
	// Rejected: WeChat rejected it in the last call that told.
	Rejected  bool       `json:"refused,omitempty"`
	LastError *lastError `json:"last_error,omitempty"`
}

// lastError is why the last fetch of a credential failed.
type lastError struct {
	At time.Time `json:"at,omitzero"`
	// Errcode, Message, RID and IP are WeChat's. If it did not answer, Errcode is 0
	// and Message says what happened.
	Errcode int             `json:"errcode,omitempty"`
	Name    string          `json:"name,omitempty"`
	Message string          `json:"message"`
	RID     string          `json:"rid,omitempty"`
	IP      string          `json:"ip,omitempty"`
	Advice  *errcode.Advice `json:"advice,omitempty"`
}

func lastErrorOf(s token.Status) *lastError {
	if s.LastErr == nil {
		return nil
	}
	e := &lastError{At: s.LastErrAt.UTC(), Message: stats.Clip(s.LastErr.Error(), 300)}
	if s.LastErrAt.IsZero() {
		e.At = time.Time{}
	}
	if answer, ok := errors.AsType[*errcode.Error](s.LastErr); ok {
		p := cmp.Or(answer.Platform, errcode.MP)
		e.Errcode, e.Name, e.Message, e.RID = answer.Code, errcode.Name(p, answer.Code), stats.Clip(answer.Msg, 300), answer.RID
		e.IP, e.Advice = errcode.SeenIP(answer.Msg), stats.AdviceFor(p, answer.Endpoint, answer.Code, answer.Msg)
	}
	return e
}

func (a *Admin) serveHealth(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (a *Admin) serveReady(w http.ResponseWriter, r *http.Request) {
	snapshot := a.snapshots.get()
	ready, accounts := snapshot.usable > 0, snapshot.accounts[:min(maxReady, len(snapshot.accounts))]
	if name := r.URL.Query().Get("account"); name != "" {
		account, ok := snapshot.find(name)
		if !ok {
			writeProblem(w, http.StatusNotFound, problem{Message: "no such account"})
			return
		}
		ready, accounts = usable(accessToken(account.statuses)), []accountState{account}
	}
	answer := readyAnswer{Draining: a.opts.Draining(), Counts: snapshot.counts, Accounts: make([]readyRow, len(accounts))}
	answer.Ready = ready && !answer.Draining
	now := a.opts.Now()
	for i, account := range accounts {
		s := accessToken(account.statuses)
		answer.Accounts[i] = readyRow{Name: account.Name, State: s.State, SecondsLeft: secondsLeft(s, now), Rejected: s.Rejected, LastError: lastErrorOf(s)}
	}
	status := http.StatusOK
	if !answer.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, answer)
}

func secondsLeft(s token.Status, now time.Time) int64 {
	return int64(max(0, s.ExpiresAt.Sub(now)) / time.Second)
}
