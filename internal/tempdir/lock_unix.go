//go:build unix

package tempdir

import (
	"errors"
	"os"
	"syscall"
)

// take locks a file until it is closed or the process ends. It returns false if another process has the lock, or if
// that is unknown.
func take(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // A file descriptor is small.
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS),
		errors.Is(err, syscall.ENOLCK):
		return false, nil
	}
	return false, err
}
