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

// expositionLife is how long the text of /metrics is served again: requests for
// it need no key, and so must cost little.
const expositionLife = time.Second

// exposition serves /metrics. It makes the text in memory, once for everyone who
// asks within a second, so that a slow reader holds up nobody else.
type exposition struct {
	handler http.Handler

	mu     sync.Mutex
	cached map[string]*cachedText // content encoding → text; two at most
}

type cachedText struct {
	*bufferedResponse
	until time.Time
}

func newExposition(g prometheus.Gatherer) *exposition {
	return &exposition{handler: promhttp.HandlerFor(g, promhttp.HandlerOpts{}), cached: map[string]*cachedText{}}
}

// ServeHTTP implements [http.Handler].
func (e *exposition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	encoding := "identity"
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		encoding = "gzip"
	}
	text := e.text(encoding)
	for name, values := range text.header {
		w.Header()[name] = values
	}
	w.WriteHeader(text.status)
	_, _ = w.Write(text.body.Bytes()) // fails if the client has gone
}

// text returns the text, at most a second old. It must not be written to.
func (e *exposition) text(encoding string) *cachedText {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.cached[encoding]; c != nil && time.Now().Before(c.until) {
		return c
	}
	fresh := newBufferedResponse()
	// No Accept: every scraper reads the plain text format, and one text is kept
	// for all.
	e.handler.ServeHTTP(fresh, &http.Request{Method: http.MethodGet, Header: http.Header{"Accept-Encoding": {encoding}}})
	e.cached[encoding] = &cachedText{fresh, time.Now().Add(expositionLife)}
	return e.cached[encoding]
}

// acceptsGzip reports whether Accept-Encoding names gzip.
func acceptsGzip(accept []string) bool {
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(part, " ", ""), ";q=")
		if strings.EqualFold(name, "gzip") {
			q, err := strconv.ParseFloat(weight, 64)
			return err != nil || q > 0
		}
	}
	return false
}

// bufferedResponse is an [http.ResponseWriter] that keeps the answer.
type bufferedResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newBufferedResponse() *bufferedResponse {
	return &bufferedResponse{header: http.Header{}, status: http.StatusOK}
}

func (b *bufferedResponse) Header() http.Header            { return b.header }
func (b *bufferedResponse) WriteHeader(status int)         { b.status = status }
func (b *bufferedResponse) Write(body []byte) (int, error) { return b.body.Write(body) }
