package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"golang.org/x/net/http/httpguts"
	"google.golang.org/protobuf/proto"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
)

// spanClient sends spans to an OTLP collector over HTTP, as protobuf. It takes the
// place of OpenTelemetry's own, which brings gRPC along: a tenth of the program,
// and of the memory that it holds while idle. Its settings are those of the
// OpenTelemetry specification: OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS, _TIMEOUT and
// _CERTIFICATE, with _CLIENT_CERTIFICATE and _CLIENT_KEY, each also with TRACES_
// before it.
type spanClient struct {
	url     string
	header  http.Header
	timeout time.Duration
	client  http.Client
}

// newSpanClient reads the settings. The problems name them without their values,
// which may hold a password. Without an endpoint it returns nil.
func newSpanClient() (*spanClient, config.Problems) {
	variable, endpoint := otlpSetting("ENDPOINT")
	if endpoint == "" {
		return nil, nil
	}
	var problems config.Problems
	problem := func(variable, what string) {
		problems = append(problems, config.Problem{Where: variable, What: what})
	}
	c := &spanClient{header: http.Header{"Content-Type": {"application/x-protobuf"}}, timeout: 10 * time.Second}
	c.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		problem(variable, "not an http or https URL")
	} else {
		if variable == endpointVariable {
			u = u.JoinPath("v1", "traces")
		}
		c.url = u.String()
	}
	variable, headers := otlpSetting("HEADERS")
	for pair := range strings.SplitSeq(headers, ",") {
		name, value, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		switch {
		case name == "" && !found:
		case err != nil, !found, !httpguts.ValidHeaderFieldName(name), !httpguts.ValidHeaderFieldValue(value):
			problem(variable, "want name=value, separated by commas")
		default:
			c.header.Set(name, value)
		}
	}
	if variable, timeout := otlpSetting("TIMEOUT"); timeout != "" {
		ms, err := strconv.Atoi(timeout)
		if err != nil || ms <= 0 {
			problem(variable, "want a number of milliseconds")
		}
		c.timeout = time.Duration(ms) * time.Millisecond
	}
	secure := &tls.Config{}
	if variable, file := otlpSetting("CERTIFICATE"); file != "" {
		secure.RootCAs = x509.NewCertPool()
		if pem, err := os.ReadFile(file); err != nil || !secure.RootCAs.AppendCertsFromPEM(pem) {
			problem(variable, "want a file with PEM certificates")
		}
	}
	if variable, file := otlpSetting("CLIENT_CERTIFICATE"); file != "" {
		_, key := otlpSetting("CLIENT_KEY")
		pair, err := tls.LoadX509KeyPair(file, key)
		if err != nil {
			problem(variable, "want a file with a PEM certificate, and its key in that of _CLIENT_KEY")
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	if secure.RootCAs != nil || secure.Certificates != nil {
		c.client.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure}
	}
	if problems != nil {
		return nil, problems
	}
	return c, nil
}

// otlpSetting returns the value of an OTLP setting, and the variable that it came
// from. What is for traces alone comes first.
func otlpSetting(name string) (variable, value string) {
	const prefix = "OTEL_EXPORTER_OTLP_"
	if value := os.Getenv(prefix + "TRACES_" + name); value != "" {
		return prefix + "TRACES_" + name, value
	}
	return prefix + name, os.Getenv(prefix + name)
}

// Start implements otlptrace.Client.
func (c *spanClient) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *spanClient) Stop(context.Context) error {
	c.client.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client. What a collector that is busy does not
// take is sent again, as the specification asks, until the time is over.
func (c *spanClient) UploadTraces(ctx context.Context, spans []*v1.ResourceSpans) error {
	body, err := proto.Marshal(&v1.TracesData{ResourceSpans: spans}) // the same bytes as an ExportTraceServiceRequest's
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for wait := time.Second; ; wait *= 2 {
		status, after, err := c.post(ctx, body)
		switch {
		case err != nil:
			return err
		case status < 300:
			return nil
		case status != http.StatusTooManyRequests && (status < 502 || status > 504):
			return collectorError(status)
		}
		select {
		case <-ctx.Done():
			return collectorError(status)
		case <-time.After(max(wait, after)):
		}
	}
}

// post returns the collector's status, and how long it asks to be left alone.
func (c *spanClient) post(ctx context.Context, body []byte) (status int, after time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	r.Header = c.header.Clone()
	resp, err := c.client.Do(r)
	if err != nil {
		return 0, 0, err
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)             // so that the connection can be used again
	_ = resp.Body.Close()                                      // its end is of no interest
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // 0: it does not say
	return resp.StatusCode, time.Duration(seconds) * time.Second, nil
}

// collectorError is an HTTP status with which a collector refuses spans.
type collectorError int

func (e collectorError) Error() string {
	return fmt.Sprintf("the collector answered HTTP %d", int(e))
}
