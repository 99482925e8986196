package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/sink"
)

// JetStream is what a connection's streams are asked through, for those who do not know NATS.
type JetStream = jetstream.JetStream

// JetStream is the connection's own, for what else is kept there.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// Address names the server in messages to people, without credentials.
func (c *Conn) Address() string { return c.address }

// Connected says whether there is a server at the other end now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Deliver sends an encoded alert once and returns when the stream has acknowledged it. After an error it may have been
// stored all the same: a repeat must have the same id. The error says what would help, holds no credentials, and is
// marked with sink.Refused where the server refuses the message for its size.
func (c *Conn) Deliver(ctx context.Context, subject, id string, data []byte) error {
	err := c.publishOnce(ctx, subject, id, data)
	if err == nil {
		return nil
	}
	lastReported := fmt.Errorf("NATS at %s: %w", c.address, c.withHint(withCode(err)))
	if tooLarge(err) {
		return sink.Refused(lastReported)
	}
	return lastReported
}

// withHint says what would help against what a publisher meets.
func (c *Conn) withHint(err error) error {
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		return fmt.Errorf("%w: allow this user to publish to vigil.> and to subscribe to _INBOX.>", c.scrub(err))
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("not acknowledged within %v: %w", ackTimeout, c.scrub(err))
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: raise max_payload of this server", err)
	}
	return c.scrub(err)
}

// Check says whether alerts of these cameras would be stored: whether the stream is there or can be made, and whether
// we may publish to it. It stores nothing and makes nothing.
func (c *Conn) Check(ctx context.Context, cameras ...string) error {
	_, err := c.stream(ctx)
	if errors.Is(err, ErrNoStream) {
		err = c.mayCreate(ctx)
	}
	if err != nil {
		return err
	}
	for _, camera := range cameras {
		if err := c.probe(ctx, alerts.Subject(camera, alerts.PhaseStart)); err != nil {
			return err
		}
	}
	return nil
}

// probe publishes what must be refused.
func (c *Conn) probe(ctx context.Context, subject string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ctx, release := c.WithConnErrors(ctx, subject, "_INBOX.")
	defer release()
	// The server refuses it for the sequence number, after it has looked at everything else.
	_, err := c.js.Publish(ctx, subject, nil, jetstream.WithExpectLastSequence(1<<62), jetstream.WithRetryAttempts(0))
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return nil
	case errors.Is(err, jetstream.ErrNoStreamResponse) && !errors.Is(guardCause(ctx, err), nats.ErrPermissionViolation):
		return nil // nothing stores the subject yet, and it was not refused
	}
	if err == nil {
		err = errors.New("a message that must be refused was stored")
	}
	return fmt.Errorf("NATS at %s: publish alerts: %w", c.address, c.withHint(withCode(guardCause(ctx, err))))
}

// tooLarge reports whether a server refuses a message for its size, whatever else is right.
func tooLarge(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadHeaderMsg) ||
		errors.As(err, &api) && api.ErrorCode == errTooLarge
}

// Sealed says whether a stream takes nothing more for ever.
func Sealed(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == errSealed
}

// StreamSubject is what the stream of alerts stores.
const StreamSubject = alerts.AllAlerts

// StoreFailed says whether the embedded server could not write, which it does not get over without a restart.
func StoreFailed(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	return api.ErrorCode == errStoreFailed && !Full(err) || api.ErrorCode == errObjectStore
}

// Full says whether a stream refused a message because of its own limit.
func Full(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == errStoreFailed &&
		(api.Description == "maximum bytes exceeded" || api.Description == "maximum messages exceeded")
}

// Further codes of the server's errors that have no name in the client.
const (
	errStoreFailed jetstream.ErrorCode = 10077
	errObjectStore jetstream.ErrorCode = 10049
	errTooLarge    jetstream.ErrorCode = 10054
	errSealed      jetstream.ErrorCode = 10109
)

// localAckTimeout is how long the embedded server may take to write; a disk that takes longer counts as failed.
const localAckTimeout = 10 * time.Second

// StoreLocal stores an encoded alert in the stream of the embedded server, once, and gives its sequence number. A
// repeat gives the number of the first.
func (c *Conn) StoreLocal(ctx context.Context, subject, id string, data []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, localAckTimeout)
	defer cancel()
	ctx, release := c.WithConnErrors(ctx, subject)
	defer release()
	if !c.nc.IsConnected() {
		return 0, ErrDisconnected
	}
	ack, err := c.js.PublishMsg(ctx, c.newMessage(subject, id, data), jetstream.WithMsgID(id),
		jetstream.WithExpectStream(Stream), jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, guardCause(ctx, err)
	}
	return ack.Sequence, nil
}

// newMessage is an alert on its way to a stream; in that of the server in this process it is known again.
func (c *Conn) newMessage(subject, id string, data []byte) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Data = data
	if c.origin != nil {
		m.Header.Set(OriginHeader, c.origin.sign(subject, id, data))
	}
	return m
}

// EnsureLocalStream makes the embedded server's stream of alerts: unlike a configured server's it refuses new alerts
// when it is full rather than let old ones go that nobody has yet.
func (c *Conn) EnsureLocalStream(ctx context.Context, bytes int64) (jetstream.Stream, error) {
	s, err := c.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: Stream, Description: "Alerts of vigil", Subjects: []string{alerts.AllAlerts},
		Storage: jetstream.FileStorage,
		Discard: jetstream.DiscardNew, MaxBytes: bytes, Duplicates: DedupWindow, AllowDirect: true,
	})
	if err != nil {
		return nil, fmt.Errorf("stream %s of the embedded server: %w", Stream, err)
	}
	return s, nil
}
