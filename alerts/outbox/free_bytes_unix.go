//go:build linux || darwin

package outbox

import (
	"errors"
	"math"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// freeBytes returns the free space for this user in the file system of dir, which need not exist; on errors the
// maximum.
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
