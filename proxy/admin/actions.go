package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// serveRenew renews a credential of an account's now: its access_token, or the
// kind of ?kind=. It answers with the account as /api/status has it.
func (a *Admin) serveRenew(w http.ResponseWriter, r *http.Request) {
	account, ok := a.accountOf(w, r, a.opts.Renew != nil)
	if !ok {
		return
	}
	kind := token.Kind(r.URL.Query().Get("kind"))
	if kind == "" {
		kind = token.AccessToken
	}
	if !slices.Contains(token.Kinds(), kind) {
		writeProblem(w, http.StatusNotFound, problem{Message: "no such kind of credential"})
		return
	}
	err := a.opts.Renew(r.Context(), account.Name, kind)
	a.snapshots.invalidate()
	if err != nil {
		writeFailure(w, err)
		return
	}
	if account, ok = a.snapshots.get().find(account.Name); !ok {
		writeProblem(w, http.StatusNotFound, problem{Message: "the account was removed in the meantime"})
		return
	}
	writeJSON(w, http.StatusOK, a.accountRow(a.opts.Now(), account))
}

// serveExplain asks WeChat what it knows about a rid. The body is {"rid":"…"};
// the answer is WeChat's own, without secrets.
func (a *Admin) serveExplain(w http.ResponseWriter, r *http.Request) {
	account, ok := a.accountOf(w, r, a.opts.Explain != nil)
	if !ok {
		return
	}
	var body struct {
		RID string `json:"rid"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&body)
	if body.RID = strings.TrimSpace(body.RID); err != nil || !validRID(body.RID) {
		writeProblem(w, http.StatusBadRequest, problem{Message: `the body must be {"rid":"…"}, with the rid from the end of WeChat's errmsg`})
		return
	}
	answer, err := a.opts.Explain(r.Context(), account.Name, body.RID)
	switch {
	case err != nil:
		writeFailure(w, err)
	case !json.Valid(answer):
		writeProblem(w, http.StatusBadGateway, problem{Message: "WeChat's answer is not JSON"})
	default:
		writeJSON(w, http.StatusOK, json.RawMessage(answer))
	}
}

// validRID reports whether s could be a rid: 617682e0-21ea79ab-3a4424cd.
func validRID(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == ""
}

// accountOf returns the account that the path names, by name or ID. If there is
// none, or the action is not offered, it answers 404 and returns false.
func (a *Admin) accountOf(w http.ResponseWriter, r *http.Request, offered bool) (accountState, bool) {
	if !offered {
		writeProblem(w, http.StatusNotFound, problem{Message: "not available on this proxy"})
		return accountState{}, false
	}
	account, ok := a.snapshots.get().find(r.PathValue("account"))
	if !ok {
		writeProblem(w, http.StatusNotFound, problem{Message: "no such account"})
	}
	return account, ok
}

// writeFailure answers why WeChat was not asked, or what it said.
func writeFailure(w http.ResponseWriter, err error) {
	answer, rejected := errors.AsType[*errcode.Error](err)
	switch {
	case errors.Is(err, token.ErrUnknown):
		writeProblem(w, http.StatusNotFound, problem{Message: "no such account or credential"})
	case errors.Is(err, token.ErrBudget):
		w.Header().Set("Retry-After", "30")
		writeProblem(w, http.StatusTooManyRequests, problem{
			Message: "no forced renewal now: WeChat allows one every 30 seconds and 20 a day",
			Advice: &errcode.Advice{
				EN: "Wait half a minute; if the day's budget is used up, the token in use is still renewed by the schedule.",
				ZH: "请等待 30 秒再试；若当日强制刷新次数已用完，现有 token 仍会按计划刷新。",
			},
		})
	case rejected:
		writeProblem(w, http.StatusBadGateway, problem{
			Message: "WeChat answered with an error", Errcode: answer.Code, Errmsg: stats.Clip(answer.Msg, 300), RID: stats.Clip(answer.RID, 64),
			IP: errcode.SeenIP(answer.Msg), Advice: stats.AdviceFor(answer.Platform, answer.Endpoint, answer.Code, answer.Msg),
		})
	case errors.Is(err, context.DeadlineExceeded):
		writeProblem(w, http.StatusGatewayTimeout, problem{Message: "no answer from WeChat: timed out waiting for the response"})
	default:
		writeProblem(w, http.StatusBadGateway, problem{Message: stats.Clip(err.Error(), 300)})
	}
}
