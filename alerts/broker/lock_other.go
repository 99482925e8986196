//go:build !unix

package broker

import (
	"fmt"
	"os"
)

// dirLock locks a directory for one process: Windows refuses to remove a file that another process has open.
type dirLock struct{ file *os.File }

func lockDir(dir string) (*dirLock, error) {
	if info, err := os.Lstat(lockName(dir)); err == nil && (!info.Mode().IsRegular() || info.Size() > 0) {
		return nil, fmt.Errorf("alert store %s: %s is in the way and was not made by vigil: move it elsewhere", dir,
			lockName(dir))
	}
	if err := os.Remove(lockName(dir)); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("alert store %s: another vigil uses it: stop that one, or choose another directory: %w",
			dir, err)
	}
	f, err := os.OpenFile(lockName(dir), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("alert store %s: %w", dir, explain(err))
	}
	return &dirLock{f}, nil
}

func (l *dirLock) release() error { return l.file.Close() }
