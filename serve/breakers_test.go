package serve

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin"
	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
)

// unread is what is written to a pipe that nobody reads before opened is closed.
type unread struct {
	*servetest.Output
	opened chan struct{}
}

func (u unread) Write(p []byte) (int, error) {
	<-u.opened
	return u.Output.Write(p)
}

func TestABreakerDoesNotWaitForTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := unread{servetest.NewOutput(), make(chan struct{})}
		log := slog.New(slog.NewJSONHandler(out, nil))
		a := &app{log: log, breakers: newBreakerLog(log), admin: admin.New(admin.Options{Logger: log})}
		a.breakerChanged("first:443", "closed", "open")
		synctest.Wait() // this one is being written
		const lost = 3
		for range breakerBacklog + lost {
			a.breakerChanged("next:443", "open", "half-open")
		}
		close(out.opened)
		synctest.Wait()
		a.breakers.close()
		text := out.String()
		if n := strings.Count(text, `"msg":"breaker"`); n != 1+breakerBacklog {
			t.Errorf("%d lines, want %d", n, 1+breakerBacklog)
		}
		if !strings.Contains(text, `"host":"first:443","step":"closed → open"`) || strings.Count(text, "3 changes of breakers were not logged") != 1 {
			t.Errorf("the log says:\n%s", text)
		}
	})
}

// A log that nobody reads does not keep the proxy from ending.
func TestTheEndDoesNotWaitForTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := unread{servetest.NewOutput(), make(chan struct{})}
		b := newBreakerLog(slog.New(slog.NewJSONHandler(out, nil)))
		b.add(breakerChange{"one:443", "closed", "open"})
		synctest.Wait()
		b.close()
		close(out.opened) // the goroutine ends now
	})
}
