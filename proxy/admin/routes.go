package admin

import (
	"net/http"
	"path"
	"strings"
	"time"
)

// routes is every URL of the admin address. From the outside in: a deadline and
// the headers of every answer; what is open to all; the guard; the rest.
func (a *Admin) routes() http.Handler {
	open := http.NewServeMux()
	open.HandleFunc("GET /healthz", a.serveHealth)
	open.HandleFunc("GET /readyz", a.serveReady)
	open.Handle("GET /metrics", newExposition(a.stats.Registry()))

	guarded := http.NewServeMux()
	guarded.HandleFunc("GET /{$}", servePage)
	guarded.HandleFunc("GET /ui/{file...}", servePageFile)
	guarded.HandleFunc("/ui", notFound) // else ServeMux redirects it to /ui/
	guarded.HandleFunc("GET /api/status", a.serveStatus)
	guarded.HandleFunc("GET /api/events", a.serveEvents)
	guarded.HandleFunc("POST /api/accounts/{account}/renew", a.serveRenew)
	guarded.HandleFunc("POST /api/accounts/{account}/explain", a.serveExplain)
	guarded.HandleFunc("POST /login", a.guard.login)
	guarded.HandleFunc("POST /logout", a.guard.logout)

	behindGuard := a.guard.wrap(serveMux(guarded, http.HandlerFunc(notFound)))
	return withDeadline(withHeaders(serveMux(open, behindGuard)))
}

// serveMux serves what mux has a route for, and passes everything else on to
// next. Unlike ServeMux, it answers 405 in JSON, and redirects nothing.
func serveMux(mux *http.ServeMux, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !cleanPath(r) {
			next.ServeHTTP(w, r)
			return
		}
		handler, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		own := newBufferedResponse() // ServeMux's own 404 or 405
		handler.ServeHTTP(own, r)
		if own.status != http.StatusMethodNotAllowed {
			next.ServeHTTP(w, r)
			return
		}
		allow := own.header.Get("Allow")
		w.Header().Set("Allow", allow)
		writeProblem(w, http.StatusMethodNotAllowed, problem{Message: "method not allowed; use " + allow})
	})
}

// cleanPath reports whether ServeMux leaves the path of r as it is. It redirects
// paths with empty, "." and ".." elements.
func cleanPath(r *http.Request) bool {
	p := r.URL.EscapedPath()
	clean := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return p == clean
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, http.StatusNotFound, problem{Message: "page not found"})
}

// writeTimeout is how long a client may take to read an answer. Streams of
// events are longer; each of their writes has a deadline of its own.
const writeTimeout = 30 * time.Second

func withDeadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		restartDeadline(w, writeTimeout)
		next.ServeHTTP(w, r)
	})
}

// restartDeadline makes the next write fail if it takes longer than timeout from
// now.
func restartDeadline(w http.ResponseWriter, timeout time.Duration) {
	// A ResponseWriter without deadlines is used without.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(timeout))
}

// contentPolicy lets the page load what is embedded and call the API, and
// nothing else. uPlot sets styles by script, which needs no permission.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// withHeaders sets the headers that every answer has.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
