package serve

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy"
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
