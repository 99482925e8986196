package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
)

// reserve is a file that reserves room on the disk for alerts: it is deleted when the disk is full.
type reserve struct {
	mu    sync.Mutex
	dir   string
	path  string
	bytes int64
}

func newReserve(dir string, bytes int64) *reserve {
	return &reserve{dir: dir, path: filepath.Join(dir, "reserve"), bytes: bytes}
}

// releaseIfLow deletes the reserve before the server starts on a disk without room for it.
func (r *reserve) releaseIfLow() {
	if freeBytes(r.dir) < startBytes {
		r.release()
	}
}

// startBytes is the space that a server needs to start.
const startBytes = 4 << 20

// release deletes the reserve, so that alerts can use its space. A foreign file of that name stays.
func (r *reserve) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removePartial()
	if isReserve(r.path) {
		_ = os.Remove(r.path)
	}
}

// partPattern is the name of a reserve that is being written.
const partPattern = ".reserve-*"

// fill writes the reserve if twice its size is free on the disk. The bytes are random, since some file systems
// store zeros as nothing.
func (r *reserve) fill() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removePartial()
	switch info, err := os.Lstat(r.path); {
	case err == nil && !isReserve(r.path):
		return fmt.Errorf("%s is in the way and was not made by vigil: move it elsewhere", r.path)
	case err == nil && info.Size() == r.bytes:
		return nil
	}
	if free := freeBytes(r.dir); free < 2*r.bytes {
		return fmt.Errorf("the disk is nearly full: %s: %d MiB are free, %d are needed", r.dir, free>>20, 2*r.bytes>>20)
	}
	f, err := os.CreateTemp(r.dir, partPattern)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, fillPattern(), r.bytes)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), r.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// removePartial deletes a partial file of a killed process. The directory is locked by this process.
func (r *reserve) removePartial() {
	parts, _ := filepath.Glob(filepath.Join(r.dir, partPattern)) // the pattern is well-formed
	for _, part := range parts {
		if isReserve(part) {
			_ = os.Remove(part)
		}
	}
}

// fillPattern is the content of a reserve, always the same, so that it can be distinguished from a foreign file.
func fillPattern() io.Reader { return rand.NewChaCha8([32]byte{}) }

// isReserve reports whether a file was written by fill, completely or in part.
func isReserve(path string) bool {
	const compared = 64 << 10
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	have, err := io.ReadAll(io.LimitReader(f, compared))
	if err != nil || len(have) == 0 {
		return false
	}
	want := make([]byte, len(have))
	_, err = io.ReadFull(fillPattern(), want)
	return err == nil && bytes.Equal(have, want)
}
