package admin

import (
	"encoding/json"
	"net/http"
	"strings"
)

// serveExplain asks WeChat what it knows of a rid. The body is {"rid":"…"};
// the answer is WeChat's own, without secrets.
func (a *Admin) serveExplain(w http.ResponseWriter, r *http.Request) {
	m, ok := a.asked(w, r, a.opts.Explain != nil)
	if !ok {
		return
	}
	var body struct {
		RID string `json:"rid"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&body)
	if body.RID = strings.TrimSpace(body.RID); err != nil || !likeRID(body.RID) {
		writeProblem(w, http.StatusBadRequest, problem{Message: `this wants {"rid":"…"}, as WeChat writes it at the end of errmsg`})
		return
	}
	answer, err := a.opts.Explain(r.Context(), m.Name, body.RID)
	switch {
	case err != nil:
		writeFailure(w, err)
	case !json.Valid(answer):
		writeProblem(w, http.StatusBadGateway, problem{Message: "WeChat's answer is no JSON"})
	default:
		writeJSON(w, http.StatusOK, json.RawMessage(answer))
	}
}

// likeRID reports whether s could be a rid: 617682e0-21ea79ab-3a4424cd.
func likeRID(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == ""
}
