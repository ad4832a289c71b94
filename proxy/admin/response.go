package admin

import (
	"encoding/json"
	"net/http"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// problem is what went wrong, as the API answers it under "error".
type problem struct {
	// Message is in words.
	Message string `json:"message"`
	// Errcode, Errmsg and RID are WeChat's, if it was WeChat that rejected the
	// request.
	Errcode int    `json:"errcode,omitempty"`
	Errmsg  string `json:"errmsg,omitempty"`
	RID     string `json:"rid,omitempty"`
	// IP is the address that WeChat saw the call come from.
	IP     string          `json:"ip,omitempty"`
	Advice *errcode.Advice `json:"advice,omitempty"`
}

func writeProblem(w http.ResponseWriter, status int, p problem) {
	writeJSON(w, status, struct {
		Error problem `json:"error"`
	}{p})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	restartDeadline(w, writeTimeout) // the answer may have taken long to get from WeChat
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // people read this too
	_ = enc.Encode(v)        // fails if the client has gone
}
