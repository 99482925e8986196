package errcode

import (
	"errors"
	"io/fs"
	"syscall"
)

// Store adds the code that fits a system error of the store's files, if there is one.
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
