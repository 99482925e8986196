package output

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vigil/internal/regular"
)

// list is the file in a folder that lists the files written into it.
const list = ".vigil-files"

const listHead = "# Files that vigil wrote into this folder, and may write anew.\n"

// Folder is a folder for several files. Only files that a Folder wrote before are replaced; a foreign file of such a
// name is an error.
type Folder struct {
	dir   string
	wrote []string
}

// OpenFolder opens the folder, and creates it if missing.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // It is for others to read as the umask has it.
		return nil, err
	}
	f := &Folder{dir: dir}
	text, err := regular.ReadFile(filepath.Join(dir, list))
	switch rest, ok := bytes.CutPrefix(text, []byte(listHead)); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("%s is in the way and was not made by vigil: move it elsewhere",
			filepath.Join(dir, list))
	default:
		f.wrote = strings.Fields(string(rest))
	}
	return f, nil
}

// Path returns the path for a file that may be written: it does not exist yet, or a Folder wrote it.
func (f *Folder) Path(name string) (string, error) {
	path := filepath.Join(f.dir, name)
	if slices.Contains(f.wrote, name) {
		return path, nil
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf(
			"%s exists already and vigil did not write it: move it elsewhere, or name another folder", path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	f.wrote = append(f.wrote, name)
	slices.Sort(f.wrote)
	if err := Write(filepath.Join(f.dir, list), []byte(listHead+strings.Join(f.wrote, "\n")+"\n"), 0o644); err != nil {
		return "", err
	}
	return path, nil
}

// Write writes a whole file of that name.
func (f *Folder) Write(name string, data []byte) error {
	path, err := f.Path(name)
	if err != nil {
		return err
	}
	return Write(path, data, 0o644)
}
