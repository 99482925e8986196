package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigil/internal/leaktest"
)

// An unusable folder is an error that names it, and leaves nothing open.
func TestOpenLeaksNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{
		"a file": file, "below a file": filepath.Join(file, "x"),
		"a system's": "/proc/recordings",
	} {
		t.Run(name, func(t *testing.T) {
			leaktest.None(t, func() {
				_, _, err := Open(dir, "yard")
				if e, ok := errors.AsType[*Error](err); !ok || e.Dir != dir {
					t.Errorf("error %v", err)
				}
			})
		})
	}
	t.Run("the folder goes", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "gone")
		leaktest.None(t, func() {
			f, _, err := Open(dir, "yard")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Begin(time.Now()); err == nil {
				t.Error("begun")
			}
			if err := errors.Join(f.Interrupt(), f.Lost()); err != nil {
				t.Error(err)
			}
		})
	})
}
