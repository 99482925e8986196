//go:build unix

package instance

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A named pipe in place of a file of the data directory is an error, not a wait that no signal ends.
func TestFilesAreRegular(t *testing.T) {
	for name, open := range map[string]func(dir string) error{
		"id": func(dir string) error { _, err := ID(dir); return err }, "format": CheckFormat,
	} {
		dir := t.TempDir()
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := open(dir); err == nil || !strings.Contains(err.Error(), "named pipe") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
