package instance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	for name, c := range map[string]struct {
		text  string // "-" for no file
		want  string // in the error; empty for none
		after string // content of the file after MarkFormat
	}{
		"none":           {"-", "", "1\n"},
		"this one":       {"1\n", "", "1\n"},
		"without an end": {"1", "", "1"},
		"a newer one":    {"2\n", "is of version 2, which a newer vigil has written", "2\n"},
		"a far newer":    {"999999999999999999999", "must hold a number", "999999999999999999999"},
		"empty":          {"", "must hold a number", ""},
		"garbage":        {"one", "must hold a number", "one"},
		"zero":           {"0", "must hold a number", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if c.text != "-" {
				if err := os.MkdirAll(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, FormatFile), []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for what, err := range map[string]error{"check": CheckFormat(dir), "mark": MarkFormat(dir)} {
				if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) ||
					!strings.Contains(err.Error(), dir)) {
					t.Errorf("%s: error %v, want %q", what, err, c.want)
				}
			}
			if text, err := os.ReadFile(filepath.Join(dir, FormatFile)); err != nil || string(text) != c.after {
				t.Errorf("the file holds %q, %v", text, err)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
				t.Errorf("the directory holds %v, %v", entries, err)
			}
		})
	}
}

// A check creates nothing, and an unreadable directory is not taken for one without a version.
func TestCheckFormatMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := CheckFormat(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory was made: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, FormatFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := CheckFormat(dir); err == nil {
		t.Error("a folder is taken for a version")
	}
}
