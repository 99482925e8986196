package outbox

import (
	"context"

	"vigil/alerts/broker"
	"vigil/alerts/sink"
)

// NATS is the way to the stream VIGIL_ALERTS of a NATS server, or of several that are one cluster.
type NATS struct {
	// Conn is dialled late: a server that is away is no reason not to start.
	Conn *broker.Conn
	// BeforeDeliver is called with each message before it is sent, to take along what the message refers to. It bounds its
	// own time and has no say in whether the message goes; it may be nil.
	BeforeDeliver func(ctx context.Context, m sink.Message)
}

// Name is "nats".
func (NATS) Name() string { return "nats" }

// Deliver returns nil once the stream has acknowledged the alert.
func (w NATS) Deliver(ctx context.Context, m sink.Message) error {
	if w.BeforeDeliver != nil && w.Conn.Connected() {
		w.BeforeDeliver(ctx, m)
	}
	err := w.Conn.Deliver(ctx, m.Subject, m.ID, m.Data)
	if broker.TooLarge(err) {
		return sink.Refused(err)
	}
	return err
}
