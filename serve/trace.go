package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy"
)

const endpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"

// tracer makes one span of each finished call, from the call's record: that has
// no URL, so none can get into a trace, and the call is not delayed.
type tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// newTracer returns the tracer, or nil if OTEL_EXPORTER_OTLP_ENDPOINT is not set.
// The exporter itself reads that and the other OTEL_… variables. A value that is
// wrong is a [config.Problems].
func newTracer(ctx context.Context, log *slog.Logger) (*tracer, error) {
	endpoint := os.Getenv(endpointVariable)
	if endpoint == "" {
		return nil, nil
	}
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		// not quoted: it may hold a password
		return nil, config.Problems{{Where: endpointVariable, What: "not an http or https URL"}}
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", "err", exportFailure(err)) }))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", endpointVariable, exportFailure(err))
	}
	return tracerTo(exporter), nil
}

// exportFailure says why spans were not exported. The error's own text may quote
// the endpoint's URL, with a password, or what a server answered.
func exportFailure(err error) string {
	var timeout net.Error
	var system syscall.Errno
	switch {
	case errors.As(err, &system):
		return "cannot export spans: " + system.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "cannot export spans: timed out"
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return fmt.Sprintf("cannot export spans: error of type %T", err)
}

func tracerTo(exporter sdk.SpanExporter) *tracer {
	// OTEL_SERVICE_NAME, if it is set, comes later and wins.
	about, err := resource.New(context.Background(), resource.WithAttributes(attribute.String("service.name", "wechat-token-proxy")), resource.WithFromEnv())
	if err != nil {
		about = resource.Default()
	}
	p := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &tracer{p, p.Tracer("github.com/wechat-token-proxy/wechat-token-proxy")}
}

// call exports a finished call as a child of the client's span, if it has one.
func (t *tracer) call(r proxy.Record) {
	if t == nil {
		return
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": r.Traceparent})
	_, span := t.tracer.Start(ctx, r.Method+" "+r.Class, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(r.At), trace.WithAttributes(
		attribute.String("wechat.account", r.Account),
		attribute.String("wechat.client", r.Client),
		attribute.String("http.request.method", r.Method),
		attribute.String("http.route", r.Class),
		attribute.Int("http.response.status_code", r.Status),
		attribute.Int("wechat.errcode", r.Errcode),
		attribute.String("wechat.rid", r.RID),
		attribute.String("server.address", r.Host),
		attribute.Int("wechat.sends", r.Sends),
		attribute.Float64("wechat.upstream_seconds", r.AtWeChat.Seconds()),
		attribute.String("request.id", r.ID),
	))
	if r.Err != "" {
		span.SetStatus(codes.Error, r.Err)
	}
	span.End(trace.WithTimestamp(r.At.Add(r.Took)))
}

// close exports the spans that are left, for at most three seconds.
func (t *tracer) close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // spans that cannot be exported now are lost
}
