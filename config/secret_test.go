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
)

func TestSecretsPrintAsStars(t *testing.T) {
	t.Parallel()
	const text = "CANARY"
	s := NewSecret(text)
	type holder struct {
		Secret  Secret
		Pointer *Secret
		hidden  Secret
		Map     map[string]Secret
	}
	h := holder{s, &s, s, map[string]Secret{"a": s}}
	c := Config{ClientKey: s, Accounts: []Account{{Secret: s}}, Store: Store{URL: s}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "%10s", "%b"} {
		for _, v := range []any{s, &s, h, &h, c, &c, []Secret{s}, map[Secret]Secret{s: s}, h.hidden} {
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
		t.Error("nothing says that there is one")
	}
}

func TestASecretGivesItsTextAway(t *testing.T) {
	t.Parallel()
	if got := NewSecret("a").Reveal(); got != "a" {
		t.Errorf("Reveal() = %q", got)
	}
	if zero := (Secret{}); zero.Reveal() != "" || zero.String() != "" || !zero.IsZero() || NewSecret("") != zero {
		t.Error("the zero Secret is not the empty one")
	}
	if again := NewSecret("a"); again != NewSecret("a") || again == NewSecret("b") {
		t.Error("== does not compare the texts")
	}
}
