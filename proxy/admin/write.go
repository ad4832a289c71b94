package admin

import (
	"encoding/json"
	"net/http"
)

// problem is what went wrong, as the API answers it under "error".
type problem struct {
	// Message is in words.
	Message string `json:"message"`
	// Errcode, Errmsg and RID are WeChat's, where it was WeChat that said no.
	Errcode int    `json:"errcode,omitempty"`
	Errmsg  string `json:"errmsg,omitempty"`
	RID     string `json:"rid,omitempty"`
	// IP is the address that WeChat saw the call come from.
	IP     string  `json:"ip,omitempty"`
	Advice *advice `json:"advice,omitempty"`
}

func writeProblem(w http.ResponseWriter, status int, p problem) {
	writeJSON(w, status, struct {
		Error problem `json:"error"`
	}{p})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	patience(w) // WeChat may have been asked meanwhile
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // people read this too
	_ = enc.Encode(v)        // the client has gone: nobody to tell
}

// policy lets the page load what is embedded and call the API, and nothing
// else. uPlot sets styles by script, which needs no permission.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// withHeaders sets what every answer carries.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
