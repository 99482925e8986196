package alerts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

// DataSchema identifies the JSON Schema of an alert's data.
const DataSchema = "urn:vigil:schema:alert:1"

// Types of the envelopes.
const (
	TypeAlert   = "vigil.alert." // followed by the phase
	TypeScore   = "vigil.score"
	TypeStatus  = "vigil.status"
	TypeStorage = "vigil.storage"
)

// Encode encodes an alert as CloudEvents 1.0 in structured JSON. A zero SchemaVersion is set. The error names every
// invalid field, so that no invalid message is ever published.
func Encode(a Alert) ([]byte, error) {
	if a.SchemaVersion == 0 {
		a.SchemaVersion = SchemaVersion
	}
	a = inUTC(a)
	if err := a.Validate(); err != nil {
		return nil, fmt.Errorf("encode alert: %w", err)
	}
	return encodeEvent(a.MessageID(), TypeAlert+string(a.Phase), a.Camera, DataSchema, a.Time(), a)
}

// Decode decodes the message of an alert. It requires the mandatory fields and a consistent envelope; unknown fields
// and extensions are ignored.
func Decode(message []byte) (Alert, error) {
	e, err := decodeEvent(message)
	if err != nil {
		return Alert{}, fmt.Errorf("decode alert: %w", err)
	}
	a, err := decodeData(e.Data())
	if err != nil {
		return Alert{}, fmt.Errorf("decode alert: %w", err)
	}
	if err := matchEnvelope(e, a); err != nil {
		return Alert{}, fmt.Errorf("decode alert: %w", err)
	}
	return a, nil
}

// DecodeData decodes an alert's data, which a message has in its envelope.
func DecodeData(data []byte) (Alert, error) {
	a, err := decodeData(data)
	if err != nil {
		return Alert{}, fmt.Errorf("decode alert: %w", err)
	}
	return a, nil
}

// EncodeData puts an alert's data in the envelope in which they were published. Fields that this version does not know
// stay.
func EncodeData(data json.RawMessage) ([]byte, error) {
	a, err := DecodeData(data)
	if err != nil {
		return nil, err
	}
	return encodeEvent(a.MessageID(), TypeAlert+string(a.Phase), a.Camera, DataSchema, a.Time(), data)
}

func decodeData(data []byte) (Alert, error) {
	var head struct {
		SchemaVersion *int `json:"schema_version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Alert{}, fmt.Errorf("data: %w", err)
	}
	if v := head.SchemaVersion; v != nil && *v > SchemaVersion {
		return Alert{}, fmt.Errorf("schema_version %d is newer than this program reads (%d)", *v, SchemaVersion)
	}
	if err := checkRequired(data); err != nil {
		return Alert{}, err
	}
	var a Alert
	if err := json.Unmarshal(data, &a); err != nil {
		return Alert{}, fmt.Errorf("data: %w", err)
	}
	a = inUTC(a)
	return a, a.Validate()
}

// matchEnvelope checks the envelope against the data, since consumers route by one and act on the other.
func matchEnvelope(e event.Event, a Alert) error {
	var c problems
	for _, f := range []struct{ name, got, want string }{
		{"id", e.ID(), a.MessageID()},
		{"type", e.Type(), TypeAlert + string(a.Phase)},
		{"subject", e.Subject(), a.Camera},
	} {
		c.require(f.got == f.want, "envelope's %s is %q, its data say %q", f.name, f.got, f.want)
	}
	return c.err()
}

// encodeEvent wraps data about a camera in an envelope, or about the program if camera is empty.
func encodeEvent(id, typ, camera, schema string, at time.Time, data any) ([]byte, error) {
	e := event.New(event.CloudEventsVersionV1)
	e.SetID(id)
	e.SetType(typ)
	e.SetSource("/vigil")
	if camera != "" {
		e.SetSource("/vigil/cameras/" + camera)
		e.SetSubject(camera)
	}
	e.SetTime(at)
	if schema != "" {
		e.SetDataSchema(schema)
	}
	if err := e.SetData(event.ApplicationJSON, data); err != nil {
		return nil, fmt.Errorf("encode %s: %w", typ, err)
	}
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("encode %s: %w", typ, err)
	}
	var b bytes.Buffer
	if err := event.WriteJson(&e, &b); err != nil {
		return nil, fmt.Errorf("encode %s: %w", typ, err)
	}
	return b.Bytes(), nil
}

// decodeEvent decodes an envelope. The SDK's decoder alone ignores trailing garbage after the closing brace.
func decodeEvent(message []byte) (event.Event, error) {
	if !json.Valid(message) {
		return event.Event{}, errors.New("message is not JSON")
	}
	var e event.Event
	if err := event.ReadJson(&e, bytes.NewReader(message)); err != nil {
		return event.Event{}, notCloudEvent(err)
	}
	if err := e.Validate(); err != nil {
		return event.Event{}, notCloudEvent(err)
	}
	if len(e.Data()) == 0 {
		return event.Event{}, errors.New("message has no data")
	}
	return e, nil
}

// notCloudEvent joins the SDK's error text, which has a line for each attribute.
func notCloudEvent(err error) error {
	return errors.New("message is not a CloudEvent: " +
		strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; "))
}

func inUTC(a Alert) Alert {
	a.Start.Wall, a.Peak.Wall = a.Start.Wall.UTC(), a.Peak.Wall.UTC()
	if a.End != nil {
		end := *a.End
		end.Wall = end.Wall.UTC()
		a.End = &end
	}
	return a
}
