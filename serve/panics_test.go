package serve

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
)

// serveWith serves h as the proxy's own handlers are served, over HTTP/1.1 or
// HTTP/2, and returns a client, the URL and the log at debug level.
func serveWith(t *testing.T, http2 bool, h http.Handler) (c *http.Client, url string, out *servetest.Output) {
	t.Helper()
	out = servetest.NewOutput()
	log := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := httptest.NewUnstartedServer(logPanics(log, h))
	s.Config.ErrorLog = serverLog(log)
	if s.EnableHTTP2 = http2; http2 {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.Client(), s.URL, out
}

func TestAPanicIsLoggedWithoutItsValue(t *testing.T) {
	const secret = "a secret that nobody must see"
	var none *http.Request
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		lines   int
	}{
		{"a text", func(http.ResponseWriter, *http.Request) { panic(secret) }, 1},
		{"an error", func(http.ResponseWriter, *http.Request) { panic(fmt.Errorf("it is %s", secret)) }, 1},
		{"a value that cannot be compared", func(http.ResponseWriter, *http.Request) { panic([]string{secret}) }, 1},
		{"a nil pointer", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(secret, none.Method) }, 1},
		{"after the header", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic(secret) }, 1},
		{"an abort, which is meant", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0},
	} {
		for _, http2 := range []bool{false, true} {
			client, url, out := serveWith(t, http2, c.handler)
			if a, err := servetest.Call(client, "GET "+url, ""); err == nil {
				t.Errorf("%s: it was answered: %d %s", c.name, a.StatusCode, a.Text)
			}
			text := out.String()
			if strings.Contains(text, secret) || strings.Contains(text, "net/http reported") {
				t.Errorf("%s: the log says\n%s", c.name, text)
			}
			if n := strings.Count(text, `"level":"ERROR","msg":"server","err":"the handler of a call panicked at panics_test.go:`); n != c.lines {
				t.Errorf("%s: %d lines of where it panicked, want %d:\n%s", c.name, n, c.lines, text)
			}
		}
	}
}
