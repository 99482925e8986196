// Package nats delivers alerts to the stream VIGIL_ALERTS of another NATS server, or of a cluster.
package nats

import (
	"context"

	"vigil/alerts/sink"
)

// Conn is a connection to the other server. Its error is marked with sink.Refused if the server refuses the message
// because of its content.
type Conn interface {
	Connected() bool
	Deliver(ctx context.Context, subject, id string, data []byte) error
}

// Sink delivers to that stream.
type Sink struct {
	// Conn connects in the background: an unreachable server does not prevent the start.
	Conn Conn
	// BeforeDeliver is called with each message before it is sent, to copy what the message refers to. It bounds its
	// own time and cannot stop the delivery; it may be nil.
	BeforeDeliver func(ctx context.Context, m sink.Message)
}

// Name is "nats".
func (Sink) Name() string { return "nats" }

// Deliver returns nil once the stream has acknowledged the alert.
func (s Sink) Deliver(ctx context.Context, m sink.Message) error {
	if s.BeforeDeliver != nil && s.Conn.Connected() {
		s.BeforeDeliver(ctx, m)
	}
	return s.Conn.Deliver(ctx, m.Subject, m.ID, m.Data)
}
