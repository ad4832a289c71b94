package admin

import (
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines notes the deadlines that are set.
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

		// WeChat takes its time: that is not the reader's fault.
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
