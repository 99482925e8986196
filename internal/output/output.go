// Package output writes the files that a user names with -o and the like.
//
// A regular file appears whole or not at all, by a temporary file and a rename. What is not one, as /dev/null, a
// terminal or a named pipe, is written to and stays what it is.
package output

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/google/renameio/v2"
)

// File is a file that is being written. After Commit or Discard it must not be used.
type File struct {
	pending *renameio.PendingFile // nil where it is written through
	through *os.File
}

// Create begins a file with these permissions in place of the one that may be at path.
func Create(path string, perm fs.FileMode) (*File, error) {
	if n, ok := descriptor(path); ok {
		f, err := duplicate(n)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		return &File{through: f}, nil
	}
	if Through(path) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // The user names it.
		if err != nil {
			return nil, err
		}
		return &File{through: f}, nil
	}
	target, err := target(path)
	if err != nil {
		return nil, err
	}
	// The temporary file lies beside, so that the rename stays within a file system.
	p, err := renameio.NewPendingFile(target, renameio.WithTempDir(filepath.Dir(target)),
		renameio.WithPermissions(perm))
	if err != nil {
		return nil, err
	}
	f := &File{pending: p}
	begun.add(f)
	return f, nil
}

// Write writes to the file.
func (f *File) Write(b []byte) (int, error) {
	if f.through != nil {
		return f.through.Write(b)
	}
	return f.pending.Write(b)
}

// Commit makes what was written the file at its path.
func (f *File) Commit() error {
	if f.through != nil {
		return f.through.Close()
	}
	begun.remove(f)
	return f.pending.CloseAtomicallyReplace()
}

// Discard leaves nothing behind of a file that was not committed; after Commit it does nothing.
func (f *File) Discard() error {
	if f.through != nil {
		if err := f.through.Close(); !errors.Is(err, os.ErrClosed) {
			return err
		}
		return nil
	}
	begun.remove(f)
	return f.pending.Cleanup()
}

// Write writes a whole file.
func Write(path string, data []byte, perm fs.FileMode) error {
	f, err := Create(path, perm)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Commit()
}

// Check says before the work whether a file could be written at path.
func Check(path string) error {
	if Through(path) {
		return nil // a named pipe that is opened and closed again would end for its reader
	}
	f, err := Create(path, 0o600)
	if err != nil {
		return err
	}
	return f.Discard()
}

// Through says whether path leads to what is written to and not replaced: anything that is there and is no regular
// file.
func Through(path string) bool {
	if _, ok := descriptor(path); ok {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// target follows links, so that a link stays one and the file that it leads to is replaced.
func target(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, nil
	case err != nil:
		return "", err
	}
	if info, err := os.Stat(real); err == nil && info.IsDir() {
		return "", fmt.Errorf("%s is a folder; name a file", path)
	}
	return real, nil
}

// descriptor knows the names of this process's own open files. They are no files to be replaced, whatever they lead to.
func descriptor(path string) (int, bool) {
	switch path = filepath.Clean(path); path {
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/"} {
		if number, ok := strings.CutPrefix(path, dir); ok {
			n, err := strconv.Atoi(number)
			return n, err == nil && n >= 0
		}
	}
	return 0, false
}

// begun is what is temporary as long as the program runs.
var begun temporaries

type temporaries struct {
	mu    sync.Mutex
	files map[*File]struct{}
	dirs  map[string]struct{}
}

func (t *temporaries) add(f *File) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files == nil {
		t.files = map[*File]struct{}{}
	}
	t.files[f] = struct{}{}
}

func (t *temporaries) remove(f *File) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.files, f)
}

// TempDir makes a temporary folder as os.MkdirTemp does, for this process alone. The function that it returns removes
// it with all that is in it; where it has been renamed, it does nothing.
func TempDir(parent, pattern string) (dir string, remove func() error, err error) {
	if dir, err = os.MkdirTemp(parent, pattern); err != nil {
		return "", nil, err
	}
	begun.mu.Lock()
	defer begun.mu.Unlock()
	if begun.dirs == nil {
		begun.dirs = map[string]struct{}{}
	}
	begun.dirs[dir] = struct{}{}
	return dir, func() error {
		begun.mu.Lock()
		defer begun.mu.Unlock()
		delete(begun.dirs, dir)
		return os.RemoveAll(dir)
	}, nil
}

// Abandon removes what is temporary, for a program that ends at once.
func Abandon() {
	begun.mu.Lock()
	defer begun.mu.Unlock()
	for f := range begun.files {
		_ = os.Remove(f.pending.Name()) // it may have taken its place just now
	}
	for dir := range begun.dirs {
		_ = os.RemoveAll(dir) // what still writes there ends now
	}
}
