package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy"
)

const endpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"

// tracer makes one span of each finished call, from the call's record: that has
// no URL, so none can get into a trace, and the call is not delayed.
type tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// newTracer returns the tracer, or nil if no endpoint is set. Values that are wrong
// are [config.Problems].
func newTracer(ctx context.Context, log *slog.Logger) (*tracer, error) {
	client, problems := newSpanClient()
	switch {
	case problems != nil:
		return nil, problems
	case client == nil:
		return nil, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", "err", exportFailure(err)) }))
	exporter, err := otlptrace.New(ctx, client)
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
	var refused collectorError
	switch {
	case errors.As(err, &refused):
		return "cannot export spans: " + refused.Error()
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
