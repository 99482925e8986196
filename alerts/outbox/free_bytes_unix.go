//go:build linux || darwin || freebsd

package outbox

import (
	"errors"
	"math"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// freeBytes is what this user may still write where dir is, or would be, as for a folder that is not there yet or not
// any more; without an answer plenty.
func freeBytes(dir string) int64 {
	var s unix.Statfs_t
	for {
		err := unix.Statfs(dir, &s)
		if err == nil {
			return int64(s.Bavail) * int64(s.Bsize) //nolint:unconvert // the types differ between systems
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, unix.ENOENT) || parent == dir {
			return math.MaxInt64
		}
		dir = parent
	}
}
