package broker

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/renameio/v2"

	"vigil/internal/errcode"
	"vigil/internal/regular"
)

// OriginHeader is the header by which a vigil recognises an alert that it stored itself.
const OriginHeader = "Vigil-Origin"

// originFile holds the key for it, next to the streams.
const originFile = "origin.json"

// origin distinguishes the alerts that this vigil stored from those that others stored with an account that may write,
// which are not delivered.
type origin struct {
	mu     sync.Mutex
	dir    string
	record originRecord
}

// originRecord is the content of originFile.
type originRecord struct {
	Key []byte `json:"key"`
	// UnsignedUpTo is the number of the last message that earlier versions stored without a key: messages up to it are
	// not verified.
	UnsignedUpTo uint64 `json:"adopted"`
	// UnsignedKnown reports whether UnsignedUpTo is known.
	UnsignedKnown bool `json:"settled"`
}

// openOrigin reads the key of a directory, or creates one.
func openOrigin(dir string, log *serverLog) (*origin, error) {
	o := &origin{dir: dir}
	text, err := regular.ReadFile(o.path())
	if err == nil {
		if err = json.Unmarshal(text, &o.record); err == nil && len(o.record.Key) == sha256.Size {
			return o, nil
		}
		log.log.Warn("the file of the store's key is damaged and is created again: the alerts stored so far are "+
			"forwarded without a check of who stored them", "file", o.path(), errcode.Key, errcode.StoreDamaged)
	}
	if err != nil && errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("alert store %s: %w", dir, withDirHint(err))
	}
	// It is missing or damaged: the stored alerts were signed with another key, and are accepted as they are.
	o.record = originRecord{Key: make([]byte, sha256.Size)}
	_, _ = rand.Read(o.record.Key) // it never fails
	return o, o.save()
}

func (o *origin) path() string { return filepath.Join(o.dir, originFile) }

// save writes the file. o.mu is held, or o is not shared yet.
func (o *origin) save() error {
	text, err := json.Marshal(o.record)
	if err == nil {
		err = renameio.WriteFile(o.path(), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("alert store %s: %w", o.dir, withDirHint(err))
	}
	return nil
}

// restoreFile writes the file again if it was deleted with the directory.
func (o *origin) restoreFile() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := os.Stat(o.path()); err == nil {
		return nil
	}
	return o.save()
}

// sign returns the value of the header of an alert.
func (o *origin) sign(subject, id string, data []byte) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	mac := hmac.New(sha256.New, o.record.Key)
	mac.Write([]byte(id + "\n" + subject + "\n"))
	mac.Write(data)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// TrustUpTo sets the number of the last message that earlier versions stored, unless it was set before.
func (s *Server) TrustUpTo(last uint64) error {
	o := s.origin
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.record.UnsignedKnown {
		return nil
	}
	o.record.UnsignedUpTo, o.record.UnsignedKnown = last, true
	return o.save()
}

// SignOrigin returns the value of OriginHeader for an alert that this vigil stores.
func (s *Server) SignOrigin(subject, id string, data []byte) string {
	return s.origin.sign(subject, id, data)
}

// StoredHere reports whether this vigil stored a message, given its number and its OriginHeader.
func (s *Server) StoredHere(number uint64, header, subject, id string, data []byte) bool {
	s.origin.mu.Lock()
	adopted := s.origin.record.UnsignedUpTo
	s.origin.mu.Unlock()
	return number <= adopted || hmac.Equal([]byte(header), []byte(s.origin.sign(subject, id, data)))
}
