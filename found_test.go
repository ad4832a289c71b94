package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
)

// What somebody who tried to break the program has found.

func TestCheckTellsWrongSettingsInJSONToo(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"check", "-json"}, []string{"WECHAT_APP_ID=wx1", "PROXY_LISTEN=nonsense"}, &out, &errs)
	var r Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || code != exitUsage || r.OK || len(r.Checks) != 2 || r.Checks[0].Name != "settings" {
		t.Errorf("exit %d, %v: %s", code, err, out.String())
	}
}

func TestAMisspeltVariableIsNamedWhereTheStartFails(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), nil, []string{"WECHAT_APPID=wx1", "WECHAT_APP_SECRET=s"}, &out, &errs)
	if code != exitUsage || !strings.Contains(errs.String(), "WECHAT_APPID") || !strings.Contains(errs.String(), "WECHAT_APP_ID") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

func TestATraceEndpointThatIsNone(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "::not a url")
	if _, err := newTracer(t.Context(), slog.New(slog.DiscardHandler)); exit(err, new(bytes.Buffer)) != exitUsage {
		t.Errorf("got %v", err)
	}
}
