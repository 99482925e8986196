//go:build unix

package recorder

import (
	"errors"
	"os"
	"syscall"
)

// lock marks a file as being written, until it is closed or the process ends. It returns false where another one has
// it.
func lock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false, nil
	case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOLCK):
		// A file system without locks: nothing is taken for left behind.
		return false, nil
	}
	return false, err
}
