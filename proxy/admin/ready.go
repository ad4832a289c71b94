package admin

import (
	"net/http"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// mostReady bounds how many accounts /readyz lists.
const mostReady = 100

// readyAnswer is what /readyz says.
type readyAnswer struct {
	// Ready: at least one account has a live access_token (with ?account=, that
	// one), and no shutdown is under way. One that WeChat refuses is not live
	// while no other can be had.
	Ready    bool `json:"ready"`
	Draining bool `json:"draining"`
	// Counts says how many accounts are down, warning, starting and ok.
	Counts map[health]int `json:"counts"`
	// Accounts are at most 100, those that need somebody first.
	Accounts []readyRow `json:"accounts"`
}

// readyRow is one account.
type readyRow struct {
	Name  string      `json:"name"`
	State token.State `json:"state"`
	// SecondsLeft is what is left of its access_token's life.
	SecondsLeft int64 `json:"seconds_left"`
	// Refused: WeChat refused it in the last call that told.
	Refused   bool       `json:"refused,omitempty"`
	LastError *lastError `json:"last_error,omitempty"`
}

// lastError is why the last fetch of a credential failed.
type lastError struct {
	At time.Time `json:"at,omitzero"`
	// Errcode, Message, RID and IP are WeChat's; where it said nothing, Errcode is
	// 0 and Message says what happened.
	Errcode int     `json:"errcode,omitempty"`
	Name    string  `json:"name,omitempty"`
	Message string  `json:"message"`
	RID     string  `json:"rid,omitempty"`
	IP      string  `json:"ip,omitempty"`
	Advice  *advice `json:"advice,omitempty"`
}

func lastErrorOf(s token.Status) *lastError {
	if s.LastErr == nil {
		return nil
	}
	e := &lastError{At: s.LastErrAt.UTC(), Message: clip(s.LastErr.Error(), 300)}
	if s.LastErrAt.IsZero() {
		e.At = time.Time{}
	}
	if no := asNo(s.LastErr); no != nil {
		p := platform(no.Platform)
		e.Errcode, e.Name, e.Message, e.RID = no.Code, errcode.Name(p, no.Code), clip(no.Msg, 300), no.RID
		e.IP, e.Advice = errcode.SeenIP(no.Msg), adviceFor(p, no.Endpoint, no.Code, no.Msg)
	}
	return e
}

func (a *Admin) serveHealth(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (a *Admin) serveReady(w http.ResponseWriter, r *http.Request) {
	roster, members := a.rosters.get(), []member(nil)
	ready := roster.live > 0
	if name := r.URL.Query().Get("account"); name != "" {
		m, ok := roster.find(name)
		if !ok {
			writeProblem(w, http.StatusNotFound, problem{Message: "there is no such account"})
			return
		}
		ready, members = live(tokenOf(m.statuses)), []member{m}
	} else {
		members = roster.members[:min(mostReady, len(roster.members))]
	}
	answer := readyAnswer{Draining: a.opts.Draining(), Counts: roster.counts, Accounts: make([]readyRow, len(members))}
	answer.Ready = ready && !answer.Draining
	now := a.opts.Now()
	for i, m := range members {
		s := tokenOf(m.statuses)
		answer.Accounts[i] = readyRow{Name: m.Name, State: s.State, SecondsLeft: secondsLeft(s, now), Refused: s.Rejected, LastError: lastErrorOf(s)}
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
