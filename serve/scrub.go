package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// scrubber removes secrets from what WeChat reports about a call: those that are
// known, wherever they are, and values whose name says that they are secret.
type scrubber struct{ known []string }

// add makes a secret known, as it is and as it is written in a query or in JSON.
func (s *scrubber) add(secret string) {
	if secret == "" {
		return
	}
	quoted, _ := json.Marshal(secret) // a string: cannot fail
	s.known = append(s.known, secret, url.QueryEscape(secret), url.PathEscape(secret), string(quoted[1:len(quoted)-1]))
}

// maxDepth bounds documents within documents.
const maxDepth = 8

// document returns doc, which must be JSON, without secrets.
func (s *scrubber) document(doc []byte) ([]byte, error) {
	v, err := decodeJSON(bytes.TrimPrefix(doc, []byte("\xef\xbb\xbf")))
	if err != nil {
		return nil, errors.New("WeChat's answer is not JSON")
	}
	v, _ = s.value(v, 0)
	return encodeJSON(v), nil
}

// value returns v without secrets, and reports whether there were any.
func (s *scrubber) value(v any, depth int) (any, bool) {
	changed := false
	switch v := v.(type) {
	case string:
		text := s.deep(v, depth)
		return text, text != v
	case []any:
		for i, inner := range v {
			var c bool
			v[i], c = s.value(inner, depth)
			changed = changed || c
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for key, inner := range v {
			text := s.text(key)
			if isSecretName(key) && inner != nil && inner != "" {
				clean[text], changed = secret.Mask, changed || inner != secret.Mask
				continue
			}
			var c bool
			clean[text], c = s.value(inner, depth)
			changed = changed || c || text != key
		}
		return clean, changed
	}
	return v, changed
}

// deep scrubs a text, which may itself be a document. A document with escapes,
// which may hide a secret, is encoded anew; any other stays byte for byte.
func (s *scrubber) deep(text string, depth int) string {
	text = s.text(text)
	if depth >= maxDepth {
		return text
	}
	v, err := decodeJSON([]byte(text))
	if err != nil {
		return text
	}
	switch v.(type) {
	case string, map[string]any, []any:
		v, changed := s.value(v, depth+1)
		if changed || strings.Contains(text, `\u`) || strings.Contains(text, `\/`) {
			return string(encodeJSON(v))
		}
	}
	return text
}

var (
	// pairForm is a pair of a query or form: name=value.
	pairForm = regexp.MustCompile(`[^?&;=\s"'#\\]+=[^&;\s"'#\\]*`)
	// memberForm is a member of a JSON object, perhaps quoted once more, perhaps
	// cut off: "name":"value
	memberForm = regexp.MustCompile(`(\\*"([^"\\]*)\\*"\s*:\s*\\*")((?:[^"\\]|\\+[^"\\])*)`)
	// elementForm is an XML element, as some of WeChat's APIs take.
	elementForm = regexp.MustCompile(`(<([A-Za-z_]+)>(?:<!\[CDATA\[)?)([^<\]]*)`)
)

// text scrubs a text that is not a document, or only part of one.
func (s *scrubber) text(t string) string {
	for _, known := range s.known {
		t = strings.ReplaceAll(t, known, secret.Mask)
	}
	t = pairForm.ReplaceAllStringFunc(t, func(pair string) string {
		name, value, _ := strings.Cut(pair, "=")
		plain, _ := url.QueryUnescape(name) // "" if it cannot
		if value != "" && (isSecretName(plain) || s.knows(value)) {
			return name + "=" + secret.Mask
		}
		return pair
	})
	for _, form := range []*regexp.Regexp{memberForm, elementForm} {
		t = form.ReplaceAllStringFunc(t, func(member string) string {
			m := form.FindStringSubmatch(member)
			if isSecretName(m[2]) && m[3] != "" {
				return m[1] + secret.Mask
			}
			return member
		})
	}
	return t
}

// knows reports whether a query's value is a known secret, escaped differently.
func (s *scrubber) knows(value string) bool {
	plain, err := url.QueryUnescape(value)
	return err == nil && slices.ContainsFunc(s.known, func(k string) bool { return strings.Contains(plain, k) })
}

// isSecretName reports whether a parameter or member of this name holds a
// secret: access_token, refresh_token, AppSecret, js_code, …
func isSecretName(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "js_code", "code", "authorization_code", "auth_code", "pre_auth_code", "session_key", "ticket", "jsapi_ticket", "password":
		return true
	}
	return strings.Contains(name, "token") || strings.Contains(name, "secret") || strings.HasSuffix(name, "_ticket")
}

func decodeJSON(doc []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one document")
	}
	return v, nil
}

func encodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // cannot fail: v came from JSON
	return bytes.TrimRight(b.Bytes(), "\n")
}
