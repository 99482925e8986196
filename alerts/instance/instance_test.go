package instance

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A directory has one id, whichever process asks first, and another directory has another.
func TestID(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	ids := make([]string, 20)
	var work sync.WaitGroup
	for i := range ids {
		work.Go(func() {
			var err error
			if ids[i], err = ID(dir); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	for _, id := range ids {
		if id != ids[0] || len(id) != 16 {
			t.Fatalf("ids %q, want one of 16 digits", ids)
		}
	}
	if read, err := Read(dir); err != nil || read != ids[0] {
		t.Errorf("Read: %q, %v, want %q", read, err, ids[0])
	}
	if other, err := ID(t.TempDir()); err != nil || other == ids[0] {
		t.Errorf("another directory: %q, %v", other, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v, want the id alone", entries, err)
	}
}

// A damaged id is not replaced silently: data stored elsewhere under the old one would be lost.
func TestIDDamaged(t *testing.T) {
	for _, text := range []string{"", "x", "0123456789ABCDEF", "0123456789abcdef0", "../../etc/passwd"} {
		dir := t.TempDir()
		file := filepath.Join(dir, FileName)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if id, err := ID(dir); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: id %q, error %v, want one that names the file", text, id, err)
		}
	}
}

func TestReadMakesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that there is none", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}
