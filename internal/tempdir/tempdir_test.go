//go:build unix

package tempdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// An unused folder is removed; everything else stays, however similar.
func TestSweep(t *testing.T) {
	const prefix, file = ".vigil-clip-", "clip.mp4"
	for _, c := range []struct {
		name  string
		make  func(t *testing.T, parent string) string // returns the path to check afterwards
		stays bool
	}{
		{"left behind", func(t *testing.T, parent string) string { return left(t, parent, prefix, file) }, false},
		{"in use", func(t *testing.T, parent string) string {
			d := made(t, parent, prefix, file)
			t.Cleanup(func() { _ = d.Remove() })
			return d.Path
		}, true},
		{"of a user, by that name", func(t *testing.T, parent string) string {
			return write(t, filepath.Join(parent, prefix+"12", file), "mine")
		}, true},
		{"of a user, with a marker of another text", func(t *testing.T, parent string) string {
			return write(t, filepath.Join(parent, prefix+"12", marker), "mine")
		}, true},
		{"with something else in it", func(t *testing.T, parent string) string {
			dir := left(t, parent, prefix, file)
			write(t, filepath.Join(dir, "notes.txt"), "mine")
			return filepath.Join(dir, file)
		}, true},
		{"with a folder in it", func(t *testing.T, parent string) string {
			dir := left(t, parent, prefix, file)
			return write(t, filepath.Join(dir, "more", file), "mine")
		}, true},
		{
			"of another name", func(t *testing.T, parent string) string { return left(t, parent, prefix+"x", file) },
			true,
		},
		{"a link to one", func(t *testing.T, parent string) string {
			dir := left(t, t.TempDir(), prefix, file)
			if err := os.Symlink(dir, filepath.Join(parent, prefix+"7")); err != nil {
				t.Fatal(err)
			}
			return dir
		}, true},
		{"a file by that name", func(t *testing.T, parent string) string {
			return write(t, filepath.Join(parent, prefix+"7"), "mine")
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			parent := t.TempDir()
			path := c.make(t, parent)
			if err := Sweep(parent, prefix, file); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(path); (err == nil) != c.stays {
				t.Errorf("%s: %v, want that it stays: %v", path, err, c.stays)
			}
		})
	}
}

func TestRemoveLeavesWhatItDoesNotKnow(t *testing.T) {
	d := made(t, t.TempDir(), "x-", "a")
	mine := write(t, filepath.Join(d.Path, "mine"), "mine")
	if err := d.Remove(); err == nil {
		t.Error("no error, although something else was in the folder")
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
}

func TestSweepOfNothing(t *testing.T) {
	if err := Sweep(filepath.Join(t.TempDir(), "missing"), "x-"); err != nil {
		t.Error(err)
	}
}

func made(t *testing.T, parent, prefix, file string) *Dir {
	t.Helper()
	d, err := Make(parent, prefix, file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(d.Path, file), "half a clip")
	return d
}

// left creates a folder of a dead process.
func left(t *testing.T, parent, prefix, file string) string {
	t.Helper()
	d := made(t, parent, prefix, file)
	if err := d.lock.Close(); err != nil {
		t.Fatal(err)
	}
	return d.Path
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
