// Package output writes the files of -o and similar options.
//
// A regular file appears complete or not at all, by a temporary file and a rename. Other files, such as /dev/null, a
// terminal or a named pipe, are written to directly.
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
	pending *renameio.PendingFile // nil if written directly
	through *os.File
}

// Create begins a file with these permissions, to replace one at path.
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
	// The temporary file is in the same folder, so that the rename stays within a file system.
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

// Commit moves the written file to its path.
func (f *File) Commit() error {
	if f.through != nil {
		return f.through.Close()
	}
	begun.remove(f)
	return f.pending.CloseAtomicallyReplace()
}

// Discard deletes a file that was not committed; after Commit it does nothing.
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

// Check reports before the work whether a file could be written at path.
func Check(path string) error {
	if Through(path) {
		return nil // opening and closing a named pipe would end its reader
	}
	f, err := Create(path, 0o600)
	if err != nil {
		return err
	}
	return f.Discard()
}

// Through reports whether path is written to directly: it exists and is not a regular file.
func Through(path string) bool {
	if _, ok := descriptor(path); ok {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// target follows links, so that a link stays one and the file that it points to is replaced.
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

// descriptor recognises the names of this process's own open files, which must not be replaced.
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

// begun are the temporary files and folders of the running program.
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

// TempDir creates a private temporary folder like os.MkdirTemp. The returned function deletes it with its content;
// after a rename it does nothing.
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

// Abandon deletes temporary files, for a program that exits at once.
func Abandon() {
	begun.mu.Lock()
	defer begun.mu.Unlock()
	for f := range begun.files {
		_ = os.Remove(f.pending.Name()) // it may have been renamed just now
	}
	for dir := range begun.dirs {
		_ = os.RemoveAll(dir) // its writers end now
	}
}
