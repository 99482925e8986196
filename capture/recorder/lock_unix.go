//go:build unix

package recorder

import (
	"errors"
	"os"
	"syscall"
)

// lock marks a file as being written, until it is closed or the process ends. It returns false if another process holds
// the lock.
func lock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false, nil
	case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOLCK):
		// The file system has no locks, so no segment counts as left behind.
		return false, nil
	}
	return false, err
}
