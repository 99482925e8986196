// Package tempdir creates temporary folders next to foreign files, and removes only folders that are provably its own.
//
// A folder has a random name with a prefix, and contains a marker, whose lock is held while the folder is in use. A
// folder of a killed process is recognised by all three: the name, the marker's text, and the free lock. Only listed
// files are removed from a folder, and the folder itself only when it is empty then.
package tempdir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// marker is the file that identifies a folder of this package.
	marker     = ".vigil-temporary"
	markerText = "A temporary folder of vigil.\n"
)

// Dir is a temporary folder.
type Dir struct {
	// Path is the folder.
	Path  string
	lock  *os.File
	files []string
}

// Make creates a folder in parent, which it creates as well if missing. files are the names of the files that it will
// contain.
func Make(parent, prefix string, files ...string) (_ *Dir, err error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(parent, prefix+"*")
	if err != nil {
		return nil, err
	}
	d := &Dir{Path: path, files: files}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Remove())
		}
	}()
	if d.lock, err = os.OpenFile(filepath.Join(path, marker), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, err
	}
	// The text is written once the lock is held: a marker without it is not owned yet.
	if _, err = take(d.lock); err != nil {
		return nil, err
	}
	if _, err = d.lock.WriteString(markerText); err != nil {
		return nil, err
	}
	return d, nil
}

// Remove removes the folder with its listed files. Other content stays, and is an error.
func (d *Dir) Remove() error {
	err := remove(d.Path, d.files)
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}

// Sweep removes folders in parent that dead processes created with this prefix for these files.
func Sweep(parent, prefix string, files ...string) error {
	entries, err := os.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var failed error
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok || number == "" || strings.Trim(number, "0123456789") != "" || !e.IsDir() {
			continue
		}
		failed = errors.Join(failed, sweep(filepath.Join(parent, e.Name()), files))
	}
	return failed
}

// sweep removes one folder if it is provably left behind. One with other content is left as it is.
func sweep(dir string, files []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil //nolint:nilerr // It is another's, or gone.
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || e.Name() != marker && !slices.Contains(files, e.Name()) {
			return nil
		}
	}
	f, err := os.Open(filepath.Join(dir, marker))
	if err != nil {
		return nil //nolint:nilerr // There is no marker.
	}
	defer func() { _ = f.Close() }() // it was only read
	if free, err := take(f); err != nil || !free {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(len(markerText))+1))
	if err != nil || string(text) != markerText {
		return err
	}
	return remove(dir, files)
}

// remove deletes the marker last, so that a folder that could not be removed completely is still recognised.
func remove(dir string, files []string) error {
	for _, name := range append(slices.Clip(files), marker) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Remove(dir); err != nil {
		return fmt.Errorf("removing a temporary folder: %w", err)
	}
	return nil
}
