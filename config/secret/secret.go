// Package secret has the type of a text that must not be seen. It imports nothing
// of ours, so that settings, credentials and answers can all hold one.
package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"unique"
)

// Mask is what a [Secret] prints as.
const Mask = "***"

// Secret is a string that must not be seen: an access_token, a ticket, an
// AppSecret. Every formatter, logger and encoder prints it as [Mask]; only
// [Secret.Reveal] gives the text away, so that a search for Reveal finds all
// the places where one leaves the process. Two Secrets are == when their texts
// are.
type Secret struct {
	// fmt goes around our Format for a bad verb deep inside a value; behind a
	// pointer it finds nothing to print but an address.
	text unique.Handle[string]
}

// New wraps text. That of "" is the zero Secret.
func New(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// Reveal returns the text itself.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.text.Value()
}

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s == Secret{} }

// String returns [Mask], or "" for the zero Secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return Mask
}

// GoString is String: %#v must not look inside.
func (s Secret) GoString() string { return s.String() }

// Format prints String for every verb, %x and %d included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON implements [json.Marshaler].
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalBinary implements encoding.BinaryMarshaler, which gob uses.
func (s Secret) MarshalBinary() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML implements the marshaler of the YAML library.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// EnvDecode implements the decoder of go-envconfig.
func (s *Secret) EnvDecode(text string) error {
	*s = New(text)
	return nil
}
