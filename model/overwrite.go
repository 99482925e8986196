package model

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// CheckOverwrite returns an error if writing weights to path would replace something that is not weights, such as a
// recording.
func CheckOverwrite(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder; name a file for the weights", path)
	case !info.Mode().IsRegular():
		return nil // it is written to, and stays what it is
	}
	if _, err := ReadWeights(path); err != nil {
		return fmt.Errorf("%s is there and is no weights file, so it is not replaced; name another or remove it", path)
	}
	return nil
}
