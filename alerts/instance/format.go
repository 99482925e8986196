package instance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"

	"vigil/internal/errcode"
	"vigil/internal/regular"
)

// FormatFile is the file in a data directory that holds its format version. A directory without it has version 1, as
// created before there was such a file.
const FormatFile = "format"

// Format is the version that this program writes; it also reads earlier ones. It grows only when an older program would
// lose or corrupt data in the directory, not for data that such a program ignores.
const Format = 1

// CheckFormat returns an error if this program may not open a data directory, and changes nothing. A missing directory
// may be opened.
func CheckFormat(dataDir string) error {
	_, err := readFormat(dataDir)
	return err
}

// readFormat returns 0 if the version is not recorded.
func readFormat(dataDir string) (int, error) {
	path := filepath.Join(dataDir, FormatFile)
	text, err := regular.ReadFile(path)
	// the caller that opens a directory that is a file reports the remedy
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("format of the data directory: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || version < 1 {
		return 0, errcode.StoreFormat.Wrap(fmt.Errorf(
			"format of the data directory: %s must hold a number of at least 1; if it is damaged, write the format "+
				"version of the "+
				"vigil that ran here last, 1 to %d",
			path, Format))
	}
	if version > Format {
		return 0, errcode.StoreNewerFormat.Wrap(fmt.Errorf(
			"data directory %s is of version %d, which a newer vigil has written; this one reads up to version %d: "+
				"run the newer vigil, or give another data_dir", dataDir, version, Format))
	}
	return version, nil
}

// MarkFormat records the current version in the directory. It is for programs that write there, after CheckFormat; if
// it fails nothing is lost, since a directory without the file is read as version 1.
func MarkFormat(dataDir string) error {
	version, err := readFormat(dataDir)
	if err != nil || version == Format {
		return err
	}
	err = os.MkdirAll(dataDir, 0o700)
	if err == nil {
		err = renameio.WriteFile(filepath.Join(dataDir, FormatFile), []byte(strconv.Itoa(Format)+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("format of the data directory: %w", err)
	}
	return nil
}
