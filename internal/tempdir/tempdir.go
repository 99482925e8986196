// Package tempdir makes temporary folders beside files of others, and removes nothing but what it can prove to be its
// own.
//
// A folder has a random name with a prefix, and in it a marker, whose lock is held for as long as the folder is in
// use. What a killed process left behind is recognized by all three: the name, the marker's text, and that nobody
// holds the lock. Only files that are named are removed from a folder, and the folder itself only when it is empty
// then.
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
	// marker is the file that says whose a folder is.
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

// Make makes a folder in parent, which it makes as well where it is missing. The files are the names of those that
// will be in it.
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
	// The text comes when the lock is held: a marker without it is nobody's yet.
	if _, err = take(d.lock); err != nil {
		return nil, err
	}
	if _, err = d.lock.WriteString(markerText); err != nil {
		return nil, err
	}
	return d, nil
}

// Remove removes the folder with the files that it was made for. What else is in it stays, and is an error.
func (d *Dir) Remove() error {
	err := remove(d.Path, d.files)
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}

// Sweep removes folders in parent that processes which are gone made with this prefix for these files.
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

// sweep removes one folder where it is proved to be left behind. One that holds anything else is left as it is.
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

// remove takes the marker last of the files, so that what could not be removed is still known for a temporary folder.
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
