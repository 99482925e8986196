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

// FormatFile is the file in a data directory that holds the version of its form. One without it is of version 1, as
// vigil left them before there was such a file.
const FormatFile = "format"

// Format is the version that this program writes; it reads those before it too. It grows only when an older program
// would lose or spoil something in the directory: what such a program passes over needs none.
const Format = 1

// CheckFormat says whether this program may open a data directory, and changes nothing. One that is not there yet may
// be opened.
func CheckFormat(dataDir string) error {
	_, err := readFormat(dataDir)
	return err
}

// readFormat is 0 where nothing says which it is.
func readFormat(dataDir string) (int, error) {
	path := filepath.Join(dataDir, FormatFile)
	text, err := regular.ReadFile(path)
	// whoever opens a directory that is a file says what helps
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("form of the data directory: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || version < 1 {
		return 0, errcode.StoreFormat.Wrap(fmt.Errorf(
			"form of the data directory: %s must hold a number from 1 on; where it is damaged, write 1 to %d into "+
				"it: that of the vigil that ran here last",
			path, Format))
	}
	if version > Format {
		return 0, errcode.StoreNewerFormat.Wrap(fmt.Errorf(
			"data directory %s is of version %d, which a newer vigil has written; this one reads up to version %d: "+
				"run the newer vigil, or give another data_dir", dataDir, version, Format))
	}
	return version, nil
}

// MarkFormat notes which version the directory is of now. It is for those that write there, after CheckFormat; where
// it fails nothing is lost, since a directory that says nothing is read as one of version 1.
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
		return fmt.Errorf("form of the data directory: %w", err)
	}
	return nil
}
