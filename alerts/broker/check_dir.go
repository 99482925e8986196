package broker

import (
	"errors"
	"os"
	"path/filepath"

	"vigil/internal/errcode"
)

// Probe says why Start would fail now, and leaves nothing behind. The error is an ErrInUse where another process has
// the directory; then the addresses are not tried, since they are that one's.
func Probe(o Options) error {
	o = o.withDefaults()
	held := checkDir(o.Dir)
	if errors.Is(held, ErrInUse) {
		return held
	}
	return errors.Join(held, o.check())
}

// ErrInUse means that another process has the directory of a store.
var ErrInUse = errcode.StoreLocked.New("another vigil uses it: stop that one, or choose another directory")

// checkDir is lockAndProbeDir for a moment. Of a directory that is not there yet the nearest one above it must take
// files.
func checkDir(dir string) error {
	for p := filepath.Clean(dir); ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err != nil && filepath.Dir(p) != p {
			continue
		}
		if err == nil && !info.IsDir() {
			return errors.New("alert store " + dir + ": " + p + " is a file: choose another directory")
		}
		if p != filepath.Clean(dir) {
			return storeError(dir, probeDir(p))
		}
		if _, err := os.Stat(lockName(p)); err == nil {
			lock, err := lockDir(p)
			if err != nil {
				return err
			}
			defer lock.release() //nolint:errcheck // it was only tried.
		}
		return storeError(dir, probeDir(p))
	}
}
