package admin

import (
	"net/http"
	"time"
)

// answerPatience is how long an answer may take to be read. Events are sent as
// long as somebody listens: each has a deadline of its own.
const answerPatience = 30 * time.Second

func withDeadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		patience(w)
		next.ServeHTTP(w, r)
	})
}

// patience starts the deadline of an answer, or starts it anew.
func patience(w http.ResponseWriter) {
	// Not every writer has deadlines; one that has none must do without.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerPatience))
}
