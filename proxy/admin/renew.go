package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/gorilla/mux"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// serveRenew has an account's credential renewed at once: its access_token, or
// what ?kind= says. It answers with the account as /api/status has it.
func (a *Admin) serveRenew(w http.ResponseWriter, r *http.Request) {
	m, ok := a.asked(w, r, a.opts.Renew != nil)
	if !ok {
		return
	}
	kind := token.Kind(r.URL.Query().Get("kind"))
	if kind == "" {
		kind = token.AccessToken
	}
	if !slices.Contains(token.Kinds(), kind) {
		writeProblem(w, http.StatusNotFound, problem{Message: "there is no such kind of credential"})
		return
	}
	err := a.opts.Renew(r.Context(), m.Name, kind)
	a.rosters.stale()
	if err != nil {
		writeFailure(w, err)
		return
	}
	if m, ok = a.rosters.get().find(m.Name); !ok {
		writeProblem(w, http.StatusNotFound, problem{Message: "the account was taken out meanwhile"})
		return
	}
	writeJSON(w, http.StatusOK, a.accountRow(a.opts.Now(), m))
}

// asked returns the account that the path names, by name or ID.
func (a *Admin) asked(w http.ResponseWriter, r *http.Request, offered bool) (member, bool) {
	if !offered {
		writeProblem(w, http.StatusNotFound, problem{Message: "this is not offered here"})
		return member{}, false
	}
	m, ok := a.rosters.get().find(mux.Vars(r)["account"])
	if !ok {
		writeProblem(w, http.StatusNotFound, problem{Message: "there is no such account"})
	}
	return m, ok
}

// writeFailure answers with what kept WeChat from being asked, or with what it
// said.
func writeFailure(w http.ResponseWriter, err error) {
	no := asNo(err)
	switch {
	case errors.Is(err, token.ErrUnknown):
		writeProblem(w, http.StatusNotFound, problem{Message: "there is no such account or credential"})
	case errors.Is(err, token.ErrBudget):
		w.Header().Set("Retry-After", "30")
		writeProblem(w, http.StatusTooManyRequests, problem{
			Message: "no forced renewal for now: WeChat allows one every 30 seconds and 20 a day",
			Advice: &advice{
				"Wait half a minute; if the day's budget is used up, the token in use is still renewed by the schedule.",
				"请等待 30 秒再试；若当日强制刷新次数已用完，现有 token 仍会按计划刷新。",
			},
		})
	case no != nil:
		writeProblem(w, http.StatusBadGateway, problem{
			Message: "WeChat said no", Errcode: no.Code, Errmsg: clip(no.Msg, 300), RID: clip(no.RID, 64),
			IP: errcode.SeenIP(no.Msg), Advice: adviceFor(platform(no.Platform), no.Endpoint, no.Code, no.Msg),
		})
	case errors.Is(err, context.DeadlineExceeded):
		writeProblem(w, http.StatusGatewayTimeout, problem{Message: "WeChat did not answer in time"})
	default:
		writeProblem(w, http.StatusBadGateway, problem{Message: clip(err.Error(), 300)})
	}
}
