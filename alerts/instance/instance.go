// Package instance distinguishes vigils that use the same server or broker.
//
// A data directory goes in, its id comes out: random, created once, and stored in the directory. The invariant: every
// process gets the same id for a directory at any time.
package instance

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vigil/internal/regular"
)

// FileName is the file in a data directory that holds its id.
const FileName = "id"

// idBytes makes collisions of ids practically impossible.
const idBytes = 8

// ID returns the id of a data directory, 16 hexadecimal digits, which may be part of a name in NATS or MQTT. The
// directory and the id are created if missing.
func ID(dataDir string) (string, error) {
	id, err := Read(dataDir)
	if !errors.Is(err, os.ErrNotExist) {
		return id, err
	}
	if err := create(dataDir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("id of the data directory: %w", err)
	}
	return Read(dataDir) // another process may have been faster
}

// Read returns the id of a data directory and creates nothing; it returns os.ErrNotExist if there is none yet.
func Read(dataDir string) (string, error) {
	path := filepath.Join(dataDir, FileName)
	text, err := regular.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("id of the data directory: %w", err)
	}
	id := strings.TrimSpace(string(text))
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != idBytes || id != strings.ToLower(id) {
		return "", fmt.Errorf("id of the data directory: %s must hold %d hexadecimal digits: delete it to get a new id",
			path, 2*idBytes)
	}
	return id, nil
}

// create writes a new id. The file appears complete, and never replaces an existing one.
func create(dataDir string) (err error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dataDir, "."+FileName+"-")
	if err != nil {
		return err
	}
	defer func() {
		if gone := os.Remove(f.Name()); !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	var raw [idBytes]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return errors.Join(err, f.Close())
	}
	_, err = f.WriteString(hex.EncodeToString(raw[:]) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	path := filepath.Join(dataDir, FileName)
	if err = os.Link(f.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		if _, gone := os.Lstat(path); !errors.Is(gone, os.ErrNotExist) {
			return gone
		}
		return os.Rename(f.Name(), path) // a file system without links
	}
	return err
}
