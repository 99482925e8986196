// Package archive reads and administers the alerts that a NATS server keeps: it lists, follows and finds them, shows
// one with its evidence, exports it, and keeps what people said of it. What sinks refused and the outbox set aside is
// listed, tried again or dropped. It is for whatever faces people: a command line, an API, a screen.
//
// It returns data and errors, prints nothing and logs nothing, and makes nothing on a server that is only read.
package archive

import (
	"errors"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/internal/errcode"
)

// ErrNoAlert is the answer where the stream has nothing of an alert.
var ErrNoAlert = errcode.StoreNoAlert.New("no such alert")

// InvalidError is a fault of what was asked for, as of an id or a time: something else must be given.
type InvalidError struct{ Err error }

func (e *InvalidError) Error() string { return e.Err.Error() }

func (e *InvalidError) Unwrap() error { return e.Err }

// Message is an alert's message as it is stored.
type Message struct {
	Alert alerts.Alert
	Raw   []byte // the CloudEvent as it was published, fields of later versions included
}

// Archive is the alerts of one server. It may be used by several goroutines at once.
type Archive struct {
	conn   *broker.Conn
	server *broker.Server // of a store that no vigil has open; nil for a server that runs
}

// New makes an Archive of the alerts behind a connection, which stays the caller's.
func New(conn *broker.Conn) *Archive { return &Archive{conn: conn} }

// Running reports whether something new may come: false for the store of a vigil that does not run.
func (a *Archive) Running() bool { return a.server == nil }

// Close ends the connection, and leaves the store to the next vigil. Only what Dial, DialSocket and OpenLocal gave is
// closed.
func (a *Archive) Close() error {
	err := a.conn.Close()
	if a.server != nil {
		err = errors.Join(err, a.server.Shutdown())
	}
	return err
}

// subjectsOf are the subjects of one camera's alerts, or of all where camera is empty.
func subjectsOf(camera string) string {
	if camera == "" {
		return alerts.AllAlerts
	}
	return alerts.CameraSubject(camera)
}
