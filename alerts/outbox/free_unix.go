//go:build linux || darwin || freebsd

package outbox

import (
	"math"

	"golang.org/x/sys/unix"
)

// freeBytes is what this user may still write where dir is; without an answer, as for a folder that is not there yet, plenty.
func freeBytes(dir string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return math.MaxInt64
	}
	return int64(s.Bavail) * int64(s.Bsize) //nolint:unconvert // the types differ between systems
}
