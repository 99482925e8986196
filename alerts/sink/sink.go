// Package sink defines the interface of the sinks that the outbox delivers alerts to, and what they share. The sinks
// themselves are in the packages below; they import neither the outbox nor a server.
package sink

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"
)

// Message is a stored alert.
type Message struct {
	Seq         uint64 // number in the outbox; increasing, with gaps
	Camera      string
	Subject, ID string
	Data        []byte // the CloudEvent
	Origin      string // proof that this vigil stored it
	Stored      time.Time
	Again       bool // repeated on request, when later ones of its camera may have been delivered
}

// Sink delivers alerts of the outbox. Its cursor is stored under its name, of a-z, 0-9 and -.
type Sink interface {
	Name() string
	// Deliver returns nil once the receiver has acknowledged m, or an error for people that contains no credentials;
	// then it is called again with the same message. It may be called for several cameras at once.
	Deliver(ctx context.Context, m Message) error
}

// Steady returns an error's text without the local port of a connection, which differs each time, so that the same
// reason has the same text.
func Steady(err error) string {
	text := err.Error()
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Source != nil {
		text = strings.ReplaceAll(text, op.Source.String()+"->", "")
	}
	return text
}
