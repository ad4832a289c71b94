package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// line is the client's end of a stream of events.
type line struct {
	http.ResponseWriter
	mu   sync.Mutex
	text bytes.Buffer
	cut  bool
	head http.Header
	code int
}

func newLine() *line { return &line{head: http.Header{}} }

func (l *line) Header() http.Header              { return l.head }
func (l *line) WriteHeader(code int)             { l.code = code }
func (l *line) Flush()                           {}
func (l *line) SetWriteDeadline(time.Time) error { return nil }
func (l *line) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return 0, errors.New("hung up")
	}
	return l.text.Write(b)
}

// events returns and removes what has arrived: names, and the members of the
// data.
func (l *line) events(t *testing.T) (names []string, data []map[string]json.RawMessage) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := range strings.SplitSeq(strings.TrimSuffix(l.text.String(), "\n\n"), "\n\n") {
		if e == "" {
			continue
		}
		name, rest, _ := strings.Cut(e, "\ndata: ")
		var parts map[string]json.RawMessage
		if err := json.Unmarshal([]byte(rest), &parts); err != nil {
			t.Fatalf("%v: %s", err, e)
		}
		names, data = append(names, strings.TrimPrefix(name, "event: ")), append(data, parts)
	}
	l.text.Reset()
	return names, data
}

// listen opens a stream; the returned function hangs up and waits.
func listen(a *Admin, query string) (*line, func()) {
	ctx, stop := context.WithCancel(context.Background())
	l, done := newLine(), make(chan struct{})
	r := httptest.NewRequestWithContext(ctx, "GET", "/api/events"+query, nil)
	r.Host = "localhost"
	go func() { a.ServeHTTP(l, r); close(done) }()
	return l, func() { stop(); <-done }
}

func TestStreamSendsChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, w := lived()
		l, stop := listen(a, "?limit=1")
		synctest.Wait()
		names, data := l.events(t)
		if len(names) != 1 || names[0] != "change" || len(data[0]) != 9 {
			t.Fatalf("at first: %v with %d members", names, len(data[0]))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if names, _ = l.events(t); len(names) != 0 {
			t.Errorf("though nothing happened: %v", names)
		}

		a.Breaker("api2.weixin.qq.com", "open", "closed")
		w.set(func() { w.hosts[1].State = "closed" })
		time.Sleep(time.Second)
		synctest.Wait()
		names, data = l.events(t)
		if len(names) != 1 || data[0]["events"] == nil || data[0]["hosts"] == nil || data[0]["now"] == nil || data[0]["clients"] != nil || data[0]["accounts"] != nil {
			t.Errorf("a breaker closed: %v %v", names, data)
		}

		time.Sleep(16 * time.Second)
		synctest.Wait()
		if names, _ = l.events(t); len(names) != 1 || names[0] != "beat" {
			t.Errorf("after a silence: %v", names)
		}

		w.set(func() { w.draining = true })
		time.Sleep(time.Second)
		synctest.Wait()
		if names, _ = l.events(t); len(names) != 1 || names[0] != "bye" {
			t.Errorf("at the end: %v", names)
		}
		stop()
	})
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _ := lived()
		stops := []func(){}
		first, stop := listen(a, "")
		stops = append(stops, stop)
		for range maxStreams - 1 {
			_, stop := listen(a, "")
			stops = append(stops, stop)
		}
		synctest.Wait()
		if got := ask(t, a, "GET", "/api/events", ""); got.Code != 503 || got.Header().Get("Retry-After") == "" {
			t.Errorf("one too many: %d", got.Code)
		}
		first.mu.Lock()
		first.cut = true // its next write fails, and its place is free
		first.mu.Unlock()
		a.Breaker("h", "closed", "open")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(a.streams); n != maxStreams-1 {
			t.Errorf("%d streams are open", n)
		}
		for _, stop := range stops {
			stop()
		}
		if n := len(a.streams); n != 0 {
			t.Errorf("%d streams are still open", n)
		}
	})
}
