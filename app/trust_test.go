package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/config"
	"vigil/internal/certtest"
)

// Values of the key trust: a file is read, and its errors name it.
func TestNewTrust(t *testing.T) {
	good := certtest.SelfSigned(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		trust       string
		any, system bool
		err         string
	}{
		{"any", true, false, ""},
		{"system", false, true, ""},
		{file("good.pem", string(good.PEM)), false, false, ""},
		{good.File, false, false, ""}, // with a key in it
		{file("text.pem", "what?"), false, false, "text.pem: there is no certificate in it"},
		{file("empty.pem", ""), false, false, "empty.pem has 0 bytes"},
		{file("large.pem", strings.Repeat("x", maxTrust+1)), false, false, "at most"},
		{filepath.Join(dir, "none.pem"), false, false, "none.pem: no such file"},
	} {
		got, err := NewTrust(config.Settings{Trust: tt.trust})
		if tt.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), "trust: ") || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %q", tt.trust, err, tt.err)
			}
			continue
		}
		if err != nil || got.Any() != tt.any || got.System != tt.system {
			t.Errorf("%s: %+v, %v", tt.trust, got, err)
		}
	}
}
