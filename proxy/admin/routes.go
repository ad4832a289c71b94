package admin

import (
	"net/http"

	"github.com/gorilla/mux"
)

// routes is the table of contents of the admin address.
//
// Outermost first: a deadline, and headers that every answer carries; then, for all but health
// and metrics, the guard (host, origin, key).
func (a *Admin) routes() http.Handler {
	open := mux.NewRouter().SkipClean(true)
	get := func(path string, h http.HandlerFunc) {
		open.HandleFunc(path, h).Methods(http.MethodGet, http.MethodHead)
	}
	get("/healthz", a.serveHealth)
	get("/readyz", a.serveReady)
	get("/metrics", newExposition(a.metrics.registry).serve)
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		open.HandleFunc(path, methodNotAllowed("GET, HEAD"))
	}

	guarded := mux.NewRouter().SkipClean(true)
	get = func(path string, h http.HandlerFunc) {
		guarded.HandleFunc(path, h).Methods(http.MethodGet, http.MethodHead)
		guarded.HandleFunc(path, methodNotAllowed("GET, HEAD"))
	}
	post := func(path string, h http.HandlerFunc) {
		guarded.HandleFunc(path, h).Methods(http.MethodPost)
		guarded.HandleFunc(path, methodNotAllowed("POST"))
	}
	get("/", serveFile("index.html"))
	get("/ui/{file:.+}", serveUI)
	get("/api/status", a.serveStatus)
	get("/api/events", a.serveEvents)
	post("/api/accounts/{account}/renew", a.serveRenew)
	post("/api/accounts/{account}/explain", a.serveExplain)
	post("/login", a.guard.login)
	post("/logout", a.guard.logout)
	guarded.NotFoundHandler = http.HandlerFunc(notFound)

	open.PathPrefix("/").Handler(a.guard.wrap(guarded))
	return withDeadline(withHeaders(open))
}

func methodNotAllowed(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allow)
		writeProblem(w, http.StatusMethodNotAllowed, problem{Message: "this wants " + allow})
	}
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, http.StatusNotFound, problem{Message: "there is no such page"})
}
