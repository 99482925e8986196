package errcode

import (
	"errors"
	"io/fs"
	"syscall"
)

// Store gives an error of a file of the store the code for what the system says, where that says something.
func Store(err error) error {
	switch {
	case err == nil || Of(err) != "":
		return err
	case errors.Is(err, syscall.ENOSPC):
		return StoreDiskFull.Wrap(err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return StoreReadOnly.Wrap(err)
	}
	return err
}
