package cameras

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"vigil/internal/regular"
)

const (
	// KeyFile is the file of the key in a data directory.
	KeyFile = "cameras.key"
	keySize = 32
)

// key seals addresses with AES-256-GCM.
type key struct {
	aead cipher.AEAD // nil for none
	err  error       // why there is none
}

var errNoKey = errors.New("the key " + KeyFile + " in data_dir is missing, so the source cannot be read; " +
	"remove the camera and add it again, or bring the file back")

// readKey reads the key of a data directory.
func readKey(dir string) key {
	text, err := regular.ReadFile(filepath.Join(dir, KeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return key{err: errNoKey}
	}
	if err != nil {
		return key{err: err}
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != keySize {
		return key{err: fmt.Errorf("the key %s in data_dir is damaged, so the source cannot be read; remove the "+
			"camera and add it again, or bring the file back", KeyFile)}
	}
	return newKey(raw)
}

// makeKey writes a new key.
func makeKey(dir string) (key, error) {
	raw := make([]byte, keySize)
	_, _ = rand.Read(raw) // it never fails
	text := base64.StdEncoding.EncodeToString(raw) + "\n"
	if err := renameio.WriteFile(filepath.Join(dir, KeyFile), []byte(text), 0o600); err != nil {
		return key{}, fmt.Errorf("write the key of the cameras: %w", err)
	}
	// What is sealed with it is synced, so its name must be.
	folder, err := os.Open(dir)
	if err == nil {
		err = errors.Join(folder.Sync(), folder.Close())
	}
	if err != nil {
		return key{}, fmt.Errorf("write the key of the cameras: %w", err)
	}
	return newKey(raw), nil
}

func newKey(raw []byte) key {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return key{err: err}
	}
	aead, err := cipher.NewGCM(block)
	return key{aead, err}
}

// seal encrypts a text, and vouches for it and what it is about.
func (k key) seal(text, about []byte) []byte {
	nonce := make([]byte, k.aead.NonceSize())
	_, _ = rand.Read(nonce) // it never fails
	return k.aead.Seal(nonce, nonce, text, about)
}

// open decrypts what seal has returned.
func (k key) open(sealed, about []byte) ([]byte, error) {
	if k.err != nil {
		return nil, k.err
	}
	size := k.aead.NonceSize()
	if len(sealed) < size {
		return nil, errors.New("the sealed source is too short")
	}
	text, err := k.aead.Open(nil, sealed[:size], sealed[size:], about)
	if err != nil {
		return nil, errors.New("the entry was not made by this vigil, or it or the key " + KeyFile + " was changed")
	}
	return text, nil
}
