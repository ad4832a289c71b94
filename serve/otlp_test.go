package serve

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy"
)

// collector takes spans; the first busy of them it refuses.
type collector struct {
	busy  atomic.Int64
	asked atomic.Int64
	got   chan []string // "path, header, names of spans" of a request
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.asked.Add(1)
	if c.busy.Add(-1) >= 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var data v1.TracesData
	if err := proto.Unmarshal(body, &data); err != nil || r.Header.Get("Content-Type") != "application/x-protobuf" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	user, _, _ := r.BasicAuth()
	said := []string{r.Method + " " + r.URL.Path, user, r.Header.Get("X-Tenant")}
	for _, resource := range data.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				said = append(said, span.Name)
			}
		}
	}
	c.got <- said
}

func TestSpansReachACollector(t *testing.T) {
	c := &collector{got: make(chan []string, 1)}
	plain, secure := httptest.NewServer(c), httptest.NewTLSServer(c)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		env  map[string]string
		busy int64
		want []string
	}{
		{"an endpoint for all", map[string]string{"ENDPOINT": plain.URL}, 0, []string{"POST /v1/traces", "", ""}},
		{"with a path and a user", map[string]string{"ENDPOINT": strings.Replace(plain.URL, "http://", "http://me:pw@", 1) + "/otel/"}, 0, []string{"POST /otel/v1/traces", "me", ""}},
		{"one for traces", map[string]string{"TRACES_ENDPOINT": plain.URL + "/mine", "ENDPOINT": "http://192.0.2.1"}, 0, []string{"POST /mine", "", ""}},
		{"with a header", map[string]string{"ENDPOINT": plain.URL, "HEADERS": "X-Other=1, X-Tenant = a%20b "}, 0, []string{"POST /v1/traces", "", "a b"}},
		{"over TLS", map[string]string{"ENDPOINT": secure.URL, "CERTIFICATE": roots}, 0, []string{"POST /v1/traces", "", ""}},
		{"that is busy", map[string]string{"ENDPOINT": plain.URL}, 1, []string{"POST /v1/traces", "", ""}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for name, value := range row.env {
				t.Setenv("OTEL_EXPORTER_OTLP_"+name, value)
			}
			c.busy.Store(row.busy)
			tr, err := newTracer(t.Context(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			tr.call(proxy.Record{At: time.Now(), Method: "GET", Class: "user"})
			tr.close()
			select {
			case got := <-c.got:
				if !slices.Equal(got, append(row.want, "GET user")) {
					t.Errorf("got %q", got)
				}
			default:
				t.Error("no span has come")
			}
		})
	}
}

// A collector that is busy is asked again, until the time is over; one that says no
// is not.
func TestSpansThatNobodyTakes(t *testing.T) {
	c := &collector{}
	c.busy.Store(1000)
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1200")
	client, problems := newSpanClient()
	if problems != nil {
		t.Fatal(problems)
	}
	var refused collectorError
	if err := client.UploadTraces(t.Context(), nil); !errors.As(err, &refused) || refused != http.StatusServiceUnavailable || c.asked.Load() < 2 {
		t.Errorf("asked %d times: %v", c.asked.Load(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.UploadTraces(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWrongSettingsOfTraces(t *testing.T) {
	for name, value := range map[string]string{
		"ENDPOINT": "collector:4317", "TRACES_ENDPOINT": "ftp://SECRET@host", "HEADERS": "SECRET", "TRACES_HEADERS": "a b=SECRET",
		"TIMEOUT": "10s", "CERTIFICATE": "/no/such/file", "CLIENT_CERTIFICATE": "/no/such/file",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			t.Setenv("OTEL_EXPORTER_OTLP_"+name, value)
			_, err := newTracer(t.Context(), slog.New(slog.DiscardHandler))
			var problems config.Problems
			if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Where != "OTEL_EXPORTER_OTLP_"+name || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("got %v", err)
			}
		})
	}
}
