package admin

import (
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines records the write deadlines that are set.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Duration
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.set = append(d.set, time.Until(at))
	return nil
}

func TestEveryAnswerHasADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, w := lived()
		for _, path := range []string{"/", "/healthz", "/readyz", "/metrics", "/api/status", "/ui/app.js", "/nothing"} {
			d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			r := httptest.NewRequest("GET", path, nil)
			r.Host = "localhost"
			a.ServeHTTP(d, r)
			if len(d.set) == 0 || d.set[len(d.set)-1] != 30*time.Second {
				t.Errorf("%s: %v", path, d.set)
			}
		}

		// Waiting for WeChat does not count: the deadline starts anew.
		w.set(func() { w.renewTakes = time.Minute })
		d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest("POST", "/api/accounts/shop/renew", nil)
		r.Host = "localhost"
		r.Header.Set("X-Requested-With", "test")
		a.ServeHTTP(d, r)
		if d.Code != 200 || len(d.set) != 2 || d.set[1] != 30*time.Second {
			t.Errorf("renew: %d %v", d.Code, d.set)
		}
	})
}

// Methods that a path does not have are answered 405 with Allow, in JSON, and
// no path is redirected; behind the guard only with the key.
func TestRoutes(t *testing.T) {
	t.Parallel()
	const read, change = "GET, HEAD", "POST"
	for _, c := range []struct {
		method, path string
		open         bool // needs no key
		status       int
		allow        string
	}{
		{"HEAD", "/readyz", true, 200, ""},
		{"POST", "/readyz", true, 405, read},
		{"DELETE", "/healthz", true, 405, read},
		{"OPTIONS", "/metrics", true, 405, read},
		{"GET", "/healthz/", false, 404, ""},
		{"GET", "//healthz", false, 404, ""},
		{"HEAD", "/", false, 200, ""},
		{"POST", "/", false, 405, read},
		{"GET", "/api/status", false, 200, ""},
		{"PUT", "/api/status", false, 405, read},
		{"GET", "/api/status/", false, 404, ""},
		{"GET", "/api/./status", false, 404, ""},
		{"GET", "/api/x/../status", false, 404, ""},
		{"POST", "/api/events", false, 405, read},
		{"GET", "/ui/app.js", false, 200, ""},
		{"POST", "/ui/app.js", false, 405, read},
		{"GET", "/ui//app.js", false, 404, ""},
		{"GET", "/ui", false, 404, ""},
		{"GET", "/ui/", false, 404, ""},
		{"GET", "/api/accounts/shop/renew", false, 405, change},
		{"PUT", "/api/accounts/shop/explain", false, 405, change},
		{"POST", "/api/accounts//renew", false, 404, ""},
		{"POST", "/api/accounts/shop%2Frenew/renew", false, 404, ""},
		{"GET", "/logout", false, 405, change},
		{"GET", "/nothing", false, 404, ""},
	} {
		a, _ := guarded()
		header := []string{"X-Requested-With", "test"}
		if !c.open {
			if got := ask(t, a, c.method, c.path, "", header...); got.Code != 401 || got.Header().Get("Allow") != "" {
				t.Errorf("%s %s without the key: %d", c.method, c.path, got.Code)
			}
			header = append(header, "Authorization", "Bearer "+testKey)
		}
		got := ask(t, a, c.method, c.path, "", header...)
		if got.Code != c.status || got.Header().Get("Allow") != c.allow || got.Header().Get("Location") != "" {
			t.Errorf("%s %s: %d, Allow %q, Location %q", c.method, c.path, got.Code, got.Header().Get("Allow"), got.Header().Get("Location"))
		}
		if c.status >= 400 && parse[problemAnswer](t, got).Error.Message == "" {
			t.Errorf("%s %s: %s", c.method, c.path, got.Body)
		}
	}
}
