package serve

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy"
	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
)

func TestACallIsASpanUnderTheClients(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	tr := tracerTo(exporter)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tr.call(proxy.Record{
		At: at, Took: 30 * time.Millisecond, Method: "POST", Class: "cgi_message", Path: "/cgi-bin/message/custom/send", Account: "shop",
		Status: 200, Errcode: 45009, RID: "617682e0-21ea79ab-3a4424cd", Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	})
	if err := tr.provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := exporter.GetSpans()
	if len(spans) != 1 {
		t.Fatalf("%d spans", len(spans))
	}
	s := spans[0]
	if s.Name != "POST cgi_message" || s.Parent.SpanID().String() != "00f067aa0ba902b7" || s.SpanContext.TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("%s under %s in %s", s.Name, s.Parent.SpanID(), s.SpanContext.TraceID())
	}
	if !s.StartTime.Equal(at) || s.EndTime.Sub(s.StartTime) != 30*time.Millisecond {
		t.Errorf("from %v to %v", s.StartTime, s.EndTime)
	}
	for _, a := range s.Attributes {
		if a.Value.AsString() == "/cgi-bin/message/custom/send" {
			t.Errorf("%s holds the path", a.Key)
		}
	}
	tr.close()
}

func TestATraceEndpointThatIsNone(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "::not a url")
	_, err := newTracer(t.Context(), slog.New(slog.DiscardHandler))
	var problems config.Problems // the exit code is 2
	if !errors.As(err, &problems) || len(problems) != 1 || strings.Contains(err.Error(), "::not") {
		t.Errorf("got %v", err)
	}
}

// The endpoint's URL may hold a password, and its answer may be anything.
func TestAFailedExportIsToldInOurOwnWords(t *testing.T) {
	const secret = "secret-that-nobody-must-see"
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, http.StatusTeapot) }))
	defer answers.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, c := range map[string]struct{ endpoint, says string }{
		"a server that says no": {answers.URL, "cannot export spans: the collector answered HTTP 418"},
		"nobody listens":        {closed.URL, "cannot export spans: connection refused"},
	} {
		t.Setenv(endpointVariable, strings.Replace(c.endpoint, "http://", "http://user:"+secret+"@", 1))
		out := servetest.NewOutput()
		tr, err := newTracer(t.Context(), slog.New(slog.NewJSONHandler(out, nil)))
		if err != nil {
			t.Fatal(err)
		}
		tr.call(proxy.Record{At: time.Now(), Method: "GET"})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err = tr.provider.ForceFlush(ctx)
		cancel()
		if err == nil {
			t.Errorf("%s: the spans were exported", name)
		}
		otel.Handle(err)
		tr.close()
		if log := out.String(); !strings.Contains(log, c.says) || strings.Contains(log, secret) {
			t.Errorf("%s: the log says\n%s", name, log)
		}
	}
}
