// Package archive reads the alerts that a NATS server keeps, and what belongs to them: an alert's messages by its id,
// all of them in their order, what people said of them. It changes nothing but what it is asked to: a person's word on
// an alert.
package archive

import (
	"errors"

	"vigil/alerts"
	"vigil/alerts/broker"
)

// ErrNoAlert is the answer where the stream has nothing of an alert.
var ErrNoAlert = errors.New("no such alert")

// Message is an alert's message as it is stored.
type Message struct {
	Alert alerts.Alert
	Raw   []byte // the CloudEvent as it was published, fields of later versions included
}

// Archive is the alerts of one server. It may be used by several goroutines at once.
type Archive struct {
	conn *broker.Conn
}

// New makes an Archive of the alerts behind a connection, which stays the caller's.
func New(conn *broker.Conn) *Archive { return &Archive{conn: conn} }

// subjectsOf are the subjects of one camera's alerts, or of all where camera is empty.
func subjectsOf(camera string) string {
	if camera == "" {
		return alerts.AllAlerts
	}
	return alerts.CameraSubject(camera)
}
