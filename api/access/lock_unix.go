//go:build unix

package access

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// lock waits for other processes that change the file; the system releases the lock when a process dies.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600) //nolint:gosec // In data_dir.
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX) //nolint:gosec // A file descriptor is small.
		if err != syscall.EINTR {                         //nolint:errorlint // A system call's own error.
			break
		}
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
	return func() { _ = f.Close() }, nil
}

// checkOwner returns an error if a folder is another user's, who could not read what this process writes there.
func checkOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to the user with the id %d: run this as the user that vigil runs as", dir, st.Uid)
	}
	return nil
}

// checkFileOwner returns an error if a file is another user's, who could give logins to anyone.
func checkFileOwner(path string, info fs.FileInfo) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() && st.Uid != 0 {
		return fmt.Errorf("%s belongs to the user with the id %d, not to the one that vigil runs as", path, st.Uid)
	}
	return nil
}
