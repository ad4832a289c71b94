package admin

import (
	"compress/gzip"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Readers that do not read keep nobody from /metrics.
func TestSlowReadersDoNotBlockMetrics(t *testing.T) {
	t.Parallel()
	a, _ := lived()
	var readers sync.WaitGroup
	defer readers.Wait()
	release := make(chan struct{})
	defer close(release)
	for range 10 {
		w := &stuck{ResponseRecorder: httptest.NewRecorder(), writing: make(chan struct{}), release: release}
		readers.Go(func() { a.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil)) })
		<-w.writing
	}
	if got := ask(t, a, "GET", "/metrics", ""); got.Code != 200 || !strings.Contains(got.Body.String(), "wechat_proxy_ready 1") {
		t.Errorf("%d", got.Code)
	}
}

// stuck is a writer whose client does not read.
type stuck struct {
	*httptest.ResponseRecorder
	once             sync.Once
	writing, release chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	s.once.Do(func() { close(s.writing) })
	<-s.release
	return len(b), nil
}

func TestMetricsAreMadeOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, w := lived()
		ask(t, a, "GET", "/metrics", "")
		w.set(func() { w.inFlight = 7 })
		if text := ask(t, a, "GET", "/metrics", "").Body.String(); !strings.Contains(text, "wechat_proxy_in_flight 0") {
			t.Error("it was made again at once")
		}
		time.Sleep(time.Second)
		if text := ask(t, a, "GET", "/metrics", "").Body.String(); !strings.Contains(text, "wechat_proxy_in_flight 7") {
			t.Error("it is not up to date")
		}
	})
}

func TestMetricsAreCompressed(t *testing.T) {
	t.Parallel()
	a, _ := lived()
	for accept, want := range map[string]string{
		"": "", "gzip": "gzip", "deflate, GZIP;q=0.5": "gzip", "gzip;q=0": "", "gzip; q=0.0, identity": "", "br": "",
	} {
		got := ask(t, a, "GET", "/metrics", "", "Accept-Encoding", accept, "Accept", "application/openmetrics-text")
		if h := got.Header().Get("Content-Encoding"); h != want || !strings.HasPrefix(got.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%q: Content-Encoding %q, Content-Type %q", accept, h, got.Header().Get("Content-Type"))
			continue
		}
		body := io.Reader(got.Body)
		if want == "gzip" {
			var err error
			if body, err = gzip.NewReader(got.Body); err != nil {
				t.Fatal(err)
			}
		}
		if text, err := io.ReadAll(body); err != nil || !strings.Contains(string(text), "wechat_proxy_ready 1") {
			t.Errorf("%q: %v", accept, err)
		}
	}
}
