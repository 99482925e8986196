package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"vigil/config"
	"vigil/internal/output"
)

// WriteExample writes the example configuration, completely or not at all; without force it never replaces a file,
// whoever created it and when.
func WriteExample(path string, force bool) error {
	if output.Through(path) {
		return output.Write(path, config.Example, 0o600)
	}
	var f *os.File
	var err error
	if force {
		f, err = os.CreateTemp(filepath.Dir(path), ".vigil-config-*")
	} else {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if errors.Is(err, fs.ErrExist) {
		return Usage(fmt.Errorf("%s: exists already; must be another name (-o), or be replaced with --force", path))
	}
	if err != nil {
		return err
	}
	_, err = f.Write(config.Example)
	err = errors.Join(err, f.Close())
	if err == nil && force {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
