//go:build unix

package output

import (
	"os"
	"syscall"
)

// duplicate opens an open file of this process once more: what is written goes where that would go.
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
