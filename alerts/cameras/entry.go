// Package cameras stores the cameras that are made at run time in the embedded server. Entries go in and come back
// after a restart. The invariants: what Put and Remove have returned without an error is on the disk; a change replaces
// exactly the revision that its maker has seen; the last Journal changes of each camera are kept; an entry that cannot
// be used hides no other one; and an address, which may have a password in it, is stored sealed with a key that only
// the user that vigil runs as can read, so that an account of the server reads none and cannot make a camera either,
// though one that may write can put back an earlier entry of a camera.
package cameras

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"vigil/alerts"
	"vigil/capture/source"
)

const (
	// Version is the version of an entry that this program writes and reads.
	Version = 1
	// MaxSettings bounds the settings of a camera in bytes.
	MaxSettings = 64 << 10
	// maxEntry bounds an entry.
	maxEntry = MaxSettings + 16<<10
	// maxText bounds Change and By.
	maxText = 256
)

// Entry is a camera that was made at run time.
type Entry struct {
	Version int    `json:"version"`
	Camera  string `json:"camera"`
	// Removed entries remain so that the journal says who removed a camera; they have no settings and no source.
	Removed bool `json:"removed,omitempty"`
	// Settings are what an element of cameras in the configuration has, without name and source.
	Settings json.RawMessage `json:"settings,omitempty"`
	// Sealed is Source, readable with the key of the data directory only.
	Sealed []byte `json:"sealed,omitempty"`
	// Change is the change in words, By where it came from (cli), and At when.
	Change string    `json:"change"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`

	Source   source.Address `json:"-"`
	Revision uint64         `json:"-"` // of the bucket; 0 for an entry that is not stored
	// Err says why a stored entry cannot be used. It has only a key, in Camera.
	Err error `json:"-"`
}

// encode validates, seals and encodes an entry.
func (e Entry) encode(k key) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("encode camera: %w", err)
	}
	if !e.Removed {
		about, err := e.about()
		if err != nil {
			return nil, err
		}
		e.Sealed = k.seal([]byte(e.Source.Reveal()), about)
	}
	data, err := json.Marshal(e)
	if err == nil && len(data) > maxEntry {
		err = fmt.Errorf("encode camera: the entry has %d bytes, at most %d are stored", len(data), maxEntry)
	}
	return data, err
}

// about is everything of an entry but its source, which the seal vouches for as well.
func (e Entry) about() ([]byte, error) {
	e.Sealed = nil
	return json.Marshal(e)
}

// decode decodes the entry of a camera.
func decode(camera string, data []byte, k key) (Entry, error) {
	var e Entry
	if len(data) > maxEntry {
		return e, fmt.Errorf("the entry has %d bytes, at most %d are read", len(data), maxEntry)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields() // the seal is over the known ones
	if err := d.Decode(&e); err != nil {
		return Entry{}, err
	}
	if e.Camera != camera {
		return Entry{}, fmt.Errorf("camera is %q: must be the entry's key", e.Camera)
	}
	if e.Removed {
		return e, e.check()
	}
	about, err := e.about()
	if err != nil {
		return Entry{}, err
	}
	address, err := k.open(e.Sealed, about)
	if err != nil {
		return Entry{}, err
	}
	if e.Source, err = source.ParseAddress(string(address)); err != nil {
		return Entry{}, err
	}
	return e, e.check()
}

func (e Entry) check() error {
	switch {
	case e.Version != Version:
		return fmt.Errorf("version is %d: must be %d", e.Version, Version)
	case e.At.Year() < 1970 || e.At.Year() > 9999:
		return errors.New("at is missing or not from 1970 to 9999")
	case e.By == "" || len(e.By) > maxText || len(e.Change) > maxText:
		return fmt.Errorf("by and change must have at most %d bytes, and by at least one", maxText)
	case e.Removed && (len(e.Settings) > 0 || len(e.Sealed) > 0 || e.Source != source.Address{}):
		return errors.New("a removed camera has settings or a source")
	case !e.Removed && (len(e.Settings) == 0 || len(e.Settings) > MaxSettings):
		return fmt.Errorf("settings have %d bytes: must have 1 to %d", len(e.Settings), MaxSettings)
	case !e.Removed && e.Source == source.Address{}:
		return errors.New("source is missing")
	}
	return alerts.ValidCamera(e.Camera)
}
