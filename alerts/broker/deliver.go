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

// JetStream is the API of a connection's streams, for packages that do not import the NATS client.
type JetStream = jetstream.JetStream

// JetStream returns the connection's JetStream API, for other data that is stored there.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// Address returns the server's address for messages, without credentials.
func (c *Conn) Address() string { return c.address }

// Connected reports whether the connection is up.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Deliver sends an encoded alert once and returns when the stream has acknowledged it. After an error it may have been
// stored all the same, so a repeat must have the same id. The error suggests a remedy, contains no credentials, and is
// marked with sink.Refused if the server refuses the message because of its size.
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

// withHint adds a remedy to a publisher's error.
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

// Check reports why alerts of these cameras could not be stored: whether the stream exists or can be created, and
// whether publishing to it is permitted. It stores and creates nothing.
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

// probe publishes a message that the server must refuse.
func (c *Conn) probe(ctx context.Context, subject string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ctx, release := c.WithConnErrors(ctx, subject, "_INBOX.")
	defer release()
	// The server refuses it because of the sequence number, which it checks last.
	_, err := c.js.Publish(ctx, subject, nil, jetstream.WithExpectLastSequence(1<<62), jetstream.WithRetryAttempts(0))
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return nil
	case errors.Is(err, jetstream.ErrNoStreamResponse) && !errors.Is(guardCause(ctx, err), nats.ErrPermissionViolation):
		return nil // no stream has the subject yet, and publishing is permitted
	}
	if err == nil {
		err = errors.New("a message that must be refused was stored")
	}
	return fmt.Errorf("NATS at %s: publish alerts: %w", c.address, c.withHint(withCode(guardCause(ctx, err))))
}

// tooLarge reports whether a server refuses a message because of its size.
func tooLarge(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadHeaderMsg) ||
		errors.As(err, &api) && api.ErrorCode == errTooLarge
}

// Sealed reports whether a stream is sealed, so that it accepts no more messages.
func Sealed(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == errSealed
}

// StreamSubject is the subject that the stream of alerts stores.
const StreamSubject = alerts.AllAlerts

// StoreFailed reports whether the embedded server failed to write; it recovers only by a restart.
func StoreFailed(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	return api.ErrorCode == errStoreFailed && !Full(err) || api.ErrorCode == errObjectStore
}

// Full reports whether a stream refused a message because of its own limit.
func Full(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == errStoreFailed &&
		(api.Description == "maximum bytes exceeded" || api.Description == "maximum messages exceeded")
}

// Server error codes without a name in the client.
const (
	errStoreFailed jetstream.ErrorCode = 10077
	errObjectStore jetstream.ErrorCode = 10049
	errTooLarge    jetstream.ErrorCode = 10054
	errSealed      jetstream.ErrorCode = 10109
)

// localAckTimeout bounds a write of the embedded server; a slower disk counts as failed.
const localAckTimeout = 10 * time.Second

// StoreLocal stores an encoded alert once in the stream of the embedded server and returns its sequence number. A
// repeat returns the number of the first.
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

// newMessage builds the message of an alert; for the server in this process it is signed with OriginHeader.
func (c *Conn) newMessage(subject, id string, data []byte) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Data = data
	if c.origin != nil {
		m.Header.Set(OriginHeader, c.origin.sign(subject, id, data))
	}
	return m
}

// EnsureLocalStream creates the embedded server's stream of alerts. Unlike that of a configured server, it refuses new
// alerts when it is full instead of discarding old ones that are not delivered yet.
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
