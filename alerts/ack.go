package alerts

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Where acknowledgements are stored: a key-value bucket with an entry for each alert, and an object store with the
// clips of those marked as normal, which no limit of evidence deletes.
const (
	AcksBucket     = "VIGIL_ACKS"
	TrainingBucket = "VIGIL_TRAINING"
)

// Ack is a person's acknowledgement of an alert.
type Ack struct {
	AlertID string    `json:"alert_id"`
	Camera  string    `json:"camera"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	// Normal marks the event as normal at that camera: its clip is stored for training.
	Normal bool `json:"normal"`
	// Clips are the names of the clips in TrainingBucket.
	Clips []string `json:"clips,omitempty"`
}

// maxNameBytes bounds the name of the person who acknowledged.
const maxNameBytes = 100

// EncodeAck validates and encodes an entry.
func EncodeAck(a Ack) ([]byte, error) {
	a.At = a.At.UTC()
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("acknowledge alert: %w", err)
	}
	return json.Marshal(a)
}

// DecodeAck decodes an entry.
func DecodeAck(data []byte) (Ack, error) {
	var a Ack
	if err := json.Unmarshal(data, &a); err != nil {
		return Ack{}, fmt.Errorf("read acknowledgement: %w", err)
	}
	if err := a.check(); err != nil {
		return Ack{}, fmt.Errorf("read acknowledgement: %w", err)
	}
	return a, nil
}

func (a Ack) check() error {
	switch {
	case !canonicalID(a.AlertID):
		return fmt.Errorf("alert_id is %q: must be a ULID", a.AlertID)
	case ValidBy(a.By) != nil:
		return ValidBy(a.By)
	case a.At.Year() < 1970 || a.At.Year() > 9999:
		return errors.New("at is missing or not from 1970 to 9999")
	}
	return ValidCamera(a.Camera)
}

// ValidBy returns an error for a name that no acknowledgement may have.
func ValidBy(by string) error {
	if by == "" || len(by) > maxNameBytes || strings.ContainsFunc(by, unicode.IsControl) {
		return fmt.Errorf("by must be a name of 1 to %d bytes, without control characters", maxNameBytes)
	}
	return nil
}

// ValidID returns an error for an invalid alert id.
func ValidID(id string) error {
	if !canonicalID(id) {
		return fmt.Errorf("%q is not the id of an alert, which has 26 digits and capital letters", id)
	}
	return nil
}
