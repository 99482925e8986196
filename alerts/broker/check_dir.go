package broker

import (
	"errors"
	"os"
	"path/filepath"

	"vigil/internal/errcode"
)

// Probe returns the error with which Start would fail now, and leaves nothing behind. It is an ErrInUse if another
// process has locked the directory; the addresses are then not probed, since that process uses them.
func Probe(o Options) error {
	o = o.withDefaults()
	held := checkDir(o.Dir)
	if errors.Is(held, ErrInUse) {
		return held
	}
	return errors.Join(held, o.check())
}

// ErrInUse means that another process has locked the directory of a store.
var ErrInUse = errcode.StoreLocked.New("another vigil uses it: stop that one, or choose another directory")

// checkDir locks and probes the directory briefly. If the directory does not exist yet, the nearest existing parent
// must be writable.
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
