package serve

import (
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
)

// logPanics returns h, but logs where a call panicked and closes its connection.
// net/http would do the same, and print the value of the panic, which may hold
// what a client or WeChat sent.
func logPanics(log *slog.Logger, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
				return
			case http.ErrAbortHandler: // meant, and not printed
			default:
				log.Error("server", "err", "the handler of a call panicked at "+panicPlace())
			}
			panic(http.ErrAbortHandler)
		}()
		h.ServeHTTP(w, r)
	})
}

// panicPlace returns the function, file and line of the panic that is being
// recovered. It must be called by the deferred function.
func panicPlace() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for panicked := false; ; {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		if panicked && !inRuntime {
			return fmt.Sprintf("%s:%d in %s", filepath.Base(f.File), f.Line, f.Function)
		}
		panicked = panicked || inRuntime
		if !more {
			return "an unknown place"
		}
	}
}
