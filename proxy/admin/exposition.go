package admin

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// expositionLife is how long the text of /metrics is good enough: whoever asks
// more often gets the same, so that scrapes, which need no key, cost little.
const expositionLife = time.Second

// exposition answers /metrics. It makes the text in memory, once for all who
// ask within a second: a reader that is slow holds up nobody.
type exposition struct {
	handler http.Handler

	mu   sync.Mutex
	held map[string]*rendered // :: content encoding → text; two at most
}

// rendered is an answer in memory. It is an [http.ResponseWriter].
type rendered struct {
	header http.Header
	status int
	body   bytes.Buffer
	until  time.Time
}

func (r *rendered) Header() http.Header         { return r.header }
func (r *rendered) WriteHeader(status int)      { r.status = status }
func (r *rendered) Write(b []byte) (int, error) { return r.body.Write(b) }

func newExposition(g prometheus.Gatherer) *exposition {
	return &exposition{handler: promhttp.HandlerFor(g, promhttp.HandlerOpts{}), held: map[string]*rendered{}}
}

func (e *exposition) serve(w http.ResponseWriter, r *http.Request) {
	encoding := "identity"
	if takesGzip(r.Header.Values("Accept-Encoding")) {
		encoding = "gzip"
	}
	text := e.get(encoding)
	for name, values := range text.header {
		w.Header()[name] = values
	}
	w.WriteHeader(text.status)
	_, _ = w.Write(text.body.Bytes()) // the client has gone: nobody to tell
}

// get returns the text, at most a second old. Nobody writes to it.
func (e *exposition) get(encoding string) *rendered {
	e.mu.Lock()
	defer e.mu.Unlock()
	if held := e.held[encoding]; held != nil && time.Now().Before(held.until) {
		return held
	}
	fresh := &rendered{header: http.Header{}, status: http.StatusOK}
	// Every scraper reads the plain text format: one text for all is kept.
	e.handler.ServeHTTP(fresh, &http.Request{Method: http.MethodGet, Header: http.Header{"Accept-Encoding": {encoding}}})
	fresh.until = time.Now().Add(expositionLife)
	e.held[encoding] = fresh
	return fresh
}

// takesGzip reports whether Accept-Encoding names gzip.
func takesGzip(accept []string) bool {
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(part, " ", ""), ";q=")
		if strings.EqualFold(name, "gzip") {
			q, err := strconv.ParseFloat(weight, 64)
			return err != nil || q > 0
		}
	}
	return false
}
