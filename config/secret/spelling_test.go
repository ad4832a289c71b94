package secret

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
)

func TestSpellings(t *testing.T) {
	t.Parallel()
	const secret = "s3cret+token-X_"
	each := func(format string) string {
		var b strings.Builder
		for _, c := range []byte(secret) {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
	percent := each("%%%02x")
	five := percent
	for range 4 {
		five = url.QueryEscape(five)
	}
	for name, text := range map[string]string{
		"as it is":                secret,
		"in a URL":                "https://x/?a=1&t=" + url.QueryEscape(secret) + "#f",
		"each letter escaped":     percent,
		"in upper case":           each("%%%02X"),
		"five times over":         five,
		"as old scripts do":       each("%%u%04x"),
		"in JSON":                 each(`\u%04x`),
		"in JSON within JSON":     strings.ReplaceAll(each(`\u%04x`), `\`, `\u005c`),
		"in braces":               each(`\u{%x}`),
		"in hexadecimal":          each(`\x%02x`),
		"in octal":                each(`\%03o`),
		"in HTML":                 each("&#%d;"),
		"in hexadecimal HTML":     each("&#x%x;"),
		"in HTML of a query":      html.EscapeString("a&t=" + url.QueryEscape(secret)),
		"with a tab in it":        secret[:4] + "\t" + secret[4:],
		"with an escaped newline": secret[:4] + "%0a" + secret[4:],
		"half escaped":            secret[:4] + percent[12:],
	} {
		if !In("before "+text+" behind", secret) {
			t.Errorf("%s: %s", name, text)
		}
	}
	for _, text := range []string{"", "s3cret", "%", `\u00`, `\u{`, "s3cret%2", "&#", "S3CRET+TOKEN-X_", "%zz\\x"} {
		if In(text, secret) {
			t.Errorf("%q holds it", text)
		}
	}
	if In("anything", "") {
		t.Error("the empty secret is everywhere")
	}
}

// A secret with characters that JSON escapes with a backslash alone.
func TestSpellingsInNestedJSON(t *testing.T) {
	t.Parallel()
	const secret = `a"b\c/d`
	text := secret
	for range 3 {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		text = string(quoted)
		if !In(text, secret) {
			t.Errorf("not found in %s", text)
		}
	}
	if php := strings.ReplaceAll(text, "/", `\/`); !In(php, secret) {
		t.Errorf("not found in %s", php)
	}
}

func FuzzIn(f *testing.F) {
	f.Add("a%41b", "aAb")
	f.Add(`\u{41}`, "A")
	f.Fuzz(func(t *testing.T, text, secret string) {
		if got := In(text, secret); strings.Contains(text, secret) && secret != "" && !got {
			t.Errorf("%q is in %q", secret, text)
		}
	})
}
