package token

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

func TestSecretsPrintAsStars(t *testing.T) {
	t.Parallel()
	const text = "52_CANARY"
	c := Credential{Value: secret.New(text)}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "%10s", "%b"} {
		fmt.Fprintf(&out, verb, c)
		fmt.Fprintf(&out, verb, &c)
		fmt.Fprintf(&out, verb, c.Value)
		fmt.Fprintf(&out, verb, &snapshot{Credential: c})
		fmt.Fprintf(&out, verb, Use{cur: &snapshot{Credential: c}})
	}
	fmt.Fprint(&out, c, &c.Value, []secret.Secret{c.Value}, map[secret.Secret]secret.Secret{c.Value: c.Value})
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "a", c, "b", c.Value, "c", &c, slog.Group("d", "e", c.Value))
	}
	for _, v := range []any{c, c.Value, &c.Value, []any{c.Value}, map[string]any{"a": c.Value}, Fetched{Value: c.Value}} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		out.Write(data)
	}
	data, err := xml.Marshal(c.Value)
	if err != nil {
		t.Error(err)
	}
	out.Write(data)
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(c.Value); err != nil {
		t.Error(err)
	}
	out.Write(b.Bytes())
	if strings.Contains(out.String(), "CANARY") || strings.Contains(out.String(), fmt.Sprintf("%x", text)) {
		t.Errorf("a secret was printed: %s", out.String())
	}
	if !strings.Contains(out.String(), secret.Mask) {
		t.Error("nothing says that there is one")
	}
}
