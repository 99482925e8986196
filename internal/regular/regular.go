// Package regular opens regular files only: a named pipe, a socket or a device is refused before it is opened, since
// that may never return.
package regular

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Open opens a file for reading, following links.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := check(path, info.Mode()); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|noWait, 0) //nolint:gosec // The user names it.
	if err != nil {
		return nil, err
	}
	// It may have been replaced meanwhile.
	if info, err = f.Stat(); err == nil {
		err = check(path, info.Mode())
	}
	if err != nil {
		_ = f.Close() // it was only read
		return nil, err
	}
	return f, nil
}

// ReadFile reads a whole file.
func ReadFile(path string) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(f)
}

func check(path string, m fs.FileMode) error {
	if m.IsRegular() {
		return nil
	}
	return fmt.Errorf("%s: this is %s, not a file", path, Kind(m))
}

// Kind describes the type of a file that is not regular.
func Kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe (FIFO)"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "not a regular file"
}
