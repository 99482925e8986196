package config

import (
	"fmt"
	"log/slog"
	"unique"
)

// redacted replaces a secret.
const redacted = "***"

// Secret is a text that no log, error or page may show. The zero value is no secret.
//
// The text is stored behind a handle because fmt prints a plain string even in unexported fields.
type Secret struct {
	raw unique.Handle[string]
}

// NewSecret hides a text.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{unique.Make(s)}
}

// Reveal returns the text, for the single use that needs it.
func (s Secret) Reveal() string {
	if s == (Secret{}) {
		return ""
	}
	return s.raw.Value()
}

// String shows only whether there is a secret.
func (s Secret) String() string {
	if s == (Secret{}) {
		return ""
	}
	return redacted
}

// GoString is String, so that %#v shows no more.
func (s Secret) GoString() string { return fmt.Sprintf("config.Secret(%q)", s.String()) }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String: a marshalled Secret cannot be loaded again.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the text unchanged.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
