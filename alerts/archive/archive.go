// Package archive reads and administers the alerts stored on a NATS server: it lists, follows and finds them, shows one
// with its evidence, exports it, and stores acknowledgements. Alerts that sinks refused and the outbox set aside are
// listed, retried or dropped. It serves user interfaces: a command line, an API, a screen.
//
// It returns data and errors, writes text only to its caller, and creates nothing on a server that is only read.
package archive

import (
	"encoding/json"
	"errors"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/internal/errcode"
)

// ErrNoAlert means that the stream has no message of an alert.
var ErrNoAlert = errcode.StoreNoAlert.New("no such alert")

// InvalidError is an error of the input, such as an id or a time.
type InvalidError struct{ Err error }

// Error returns the text of Err.
func (e *InvalidError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *InvalidError) Unwrap() error { return e.Err }

// Message is a stored message of an alert.
type Message struct {
	Alert alerts.Alert
	Raw   []byte // the CloudEvent as it was published, including fields of later versions
	// Position is behind the message; only of a followed one.
	Position broker.Position
}

// Data returns the alert as it was published.
func (m Message) Data() (json.RawMessage, error) {
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	err := json.Unmarshal(m.Raw, &envelope)
	return envelope.Data, err
}

// Archive gives access to the alerts of one server. It may be used by several goroutines at once.
type Archive struct {
	conn   *broker.Conn
	server *broker.Server // of a store that no vigil has open; nil for a running server
	index  *Index         // nil for none
}

// New returns an Archive of the alerts behind a connection, which the caller closes.
func New(conn *broker.Conn) *Archive { return &Archive{conn: conn} }

// Running reports whether new alerts may arrive: false for the store of a vigil that does not run.
func (a *Archive) Running() bool { return a.server == nil }

// Close closes the connection and unlocks the store, if they were opened by Dial, DialSocket or OpenLocal.
func (a *Archive) Close() error {
	err := a.conn.Close()
	if a.server != nil {
		err = errors.Join(err, a.server.Shutdown())
	}
	return err
}

// subjectsOf returns the subject of one camera's alerts, or of all if camera is empty.
func subjectsOf(camera string) string {
	if camera == "" {
		return alerts.AllAlerts
	}
	return alerts.CameraSubject(camera)
}
