// Package sink is what the outbox delivers alerts to: the interface that each sink implements, and what they share. The
// sinks themselves are in the packages below; they import neither the outbox nor a server.
package sink

import (
	"context"
	"errors"
	"net"
	"strings"
)

// Message is an alert as it is stored.
type Message struct {
	Seq         uint64 // its number in the outbox; grows, with holes
	Camera      string
	Subject, ID string
	Data        []byte // the CloudEvent
	Origin      string // by which the vigil that stored it knows it again
	Again       bool   // tried again on request, when later ones of its camera may have been delivered
}

// Sink takes alerts out of the outbox. Its name, of a-z, 0-9 and -, is what its position is kept under from one run to
// the next.
type Sink interface {
	Name() string
	// Deliver returns nil once the other side has acknowledged m, or an error that a person understands and that holds
	// no credentials; then it is called again with the same message. It may be called for several cameras at once.
	Deliver(ctx context.Context, m Message) error
}

// Steady is an error's text without the port of this side of a connection, which is another one each time: the same
// reason has the same text.
func Steady(err error) string {
	text := err.Error()
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Source != nil {
		text = strings.ReplaceAll(text, op.Source.String()+"->", "")
	}
	return text
}
