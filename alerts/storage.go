package alerts

import (
	"errors"
	"fmt"
	"time"
)

// StorageSubject is the subject of messages about failing and recovered storage.
const StorageSubject = "vigil.storage"

// Storage reports whether alerts can be stored. It is published when that changes, every half minute while they
// cannot, once more when they can, and not stored.
type Storage struct {
	State     StorageState `json:"state"`
	Wall      time.Time    `json:"wall"`             // when the state began
	Detail    string       `json:"detail,omitempty"` // why, in plain words
	Code      string       `json:"code,omitempty"`   // of Detail, in the catalogue of errors: vigil explain CODE
	FreeBytes int64        `json:"free_bytes"`       // of the disk that alerts are stored on
	// FailedSeconds is the duration of a failure that has ended.
	FailedSeconds float64 `json:"failed_seconds,omitempty"`
	// SetAside is the number of alerts that are set aside because a sink refuses them, until a person decides.
	SetAside uint64 `json:"set_aside,omitempty"`
	// PassedOver is the number of messages in the stream of alerts that were not delivered since vigil started,
	// counted for each sink: vigil did not store them.
	PassedOver uint64 `json:"passed_over,omitempty"`
	// Missing is the number of stored alerts found missing since vigil started.
	Missing uint64 `json:"missing,omitempty"`
	// MissingNumbers are their numbers in the stream, as 12-31,40.
	MissingNumbers string `json:"missing_numbers,omitempty"`
	// KeptAside is the folder of the damaged files, if there are any.
	KeptAside string `json:"kept_aside,omitempty"`
}

// StorageState is the state of the storage.
type StorageState string

// The states of the storage.
const (
	StorageOK      StorageState = "ok"
	StorageFailing StorageState = "failing" // alerts wait in their order, and no new clip is scored once many do
)

// EncodeStorage encodes a CloudEvent of type vigil.storage.
func EncodeStorage(s Storage) ([]byte, error) {
	s.Wall = s.Wall.UTC()
	if s.State == "" {
		return nil, errors.New("encode storage: state is empty")
	}
	return encodeEvent(NewID(), TypeStorage, "", "", s.Wall, s)
}

// DecodeStorage decodes the message.
func DecodeStorage(message []byte) (Storage, error) {
	var s Storage
	if err := decodeEventAs(message, TypeStorage, &s); err != nil {
		return Storage{}, fmt.Errorf("decode storage: %w", err)
	}
	return s, nil
}
