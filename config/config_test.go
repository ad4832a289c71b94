package config

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

func TestSecretsPrintAsStars(t *testing.T) {
	t.Parallel()
	const text = "CANARY"
	s := secret.New(text)
	type holder struct {
		Secret  secret.Secret
		Pointer *secret.Secret
		hidden  secret.Secret
		Map     map[string]secret.Secret
	}
	h := holder{s, &s, s, map[string]secret.Secret{"a": s}}
	c := Config{ClientKey: s, Accounts: []Account{{Secret: s}}, Store: Store{URL: s}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "%10s", "%b"} {
		for _, v := range []any{s, &s, h, &h, c, &c, []secret.Secret{s}, map[secret.Secret]secret.Secret{s: s}, h.hidden} {
			fmt.Fprintf(&out, verb, v)
		}
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("x", "a", s, "b", &s, "c", h, "d", c, slog.Group("e", "f", s))
	}
	for _, v := range []any{s, &s, h, c, []any{s}, map[string]any{"a": s}} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		out.Write(data)
	}
	data, err := xml.Marshal(s)
	if err != nil {
		t.Error(err)
	}
	out.Write(data)
	data, err = yaml.Dump(map[string]any{"a": s, "b": h})
	if err != nil {
		t.Error(err)
	}
	out.Write(data)
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		t.Error(err)
	}
	out.Write(b.Bytes())
	if strings.Contains(out.String(), text) || strings.Contains(strings.ToLower(out.String()), fmt.Sprintf("%x", text)) {
		t.Errorf("a secret was printed: %s", out.String())
	}
	if !strings.Contains(out.String(), "***") {
		t.Error("the mask is not printed")
	}
}
