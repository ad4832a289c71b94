// Package secret has the type of a text that must not be printed. It imports
// nothing else from this module, so that every package can use it.
//
//	secret.go    Secret, which prints as ***
//	spelling.go  In: is a secret in a text, in whatever spelling?
package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"unique"
)

// Mask is what a [Secret] prints as.
const Mask = "***"

// Secret is a string that must not be printed: an access_token, a ticket, an
// AppSecret. Every formatter, logger and encoder prints it as [Mask]. Only
// [Secret.Reveal] returns the text, so a search for Reveal finds every place
// that uses it. Two Secrets are == if their texts are equal. The zero Secret has
// no text.
type Secret struct {
	// For a bad verb, fmt bypasses the Format method of nested values. With a
	// handle it can only print an address.
	text unique.Handle[string]
}

// New returns a Secret with that text; for "" the zero Secret.
func New(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.text.Value()
}

// IsZero reports whether s has no text.
func (s Secret) IsZero() bool { return s == Secret{} }

// String returns [Mask], or "" for the zero Secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return Mask
}

// GoString returns String, so that %#v does not print the text.
func (s Secret) GoString() string { return s.String() }

// Format prints String for every verb, including %x and %d.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON implements [json.Marshaler].
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalBinary implements encoding.BinaryMarshaler, for gob.
func (s Secret) MarshalBinary() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML implements the Marshaler interface of the YAML library.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// EnvDecode implements the Decoder interface of go-envconfig.
func (s *Secret) EnvDecode(text string) error {
	*s = New(text)
	return nil
}
