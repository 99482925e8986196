//go:build unix

package output

import (
	"os"
	"syscall"
)

// duplicate duplicates an open file descriptor of this process: both write to the same file.
func duplicate(n int) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	d, err := syscall.Dup(n)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(d)
	return os.NewFile(uintptr(d), "descriptor"), nil //nolint:gosec // A file descriptor is not negative.
}
