package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/internal/errcode"
	"vigil/internal/retry"
)

// ErrDisconnected is returned for messages that are not queued without a connection.
var ErrDisconnected = errcode.SinkUnreachable.New("not connected to NATS")

const (
	ackTimeout = 5 * time.Second
	firstRetry = 100 * time.Millisecond // pause before the second attempt
	maxRetry   = 2 * time.Second        // longest pause
)

// Publish sends an alert and returns when the stream has acknowledged it. It retries with the same message id until ctx
// ends; the alert may then still have been stored. To keep the order of a camera's alerts, call it for one after the
// other. An alert that is invalid or too large fails at once.
func (c *Conn) Publish(ctx context.Context, a alerts.Alert) error {
	data, err := alerts.Encode(a)
	if err != nil {
		return err
	}
	return c.publishWithRetry(ctx, a.Subject(), a.MessageID(), data)
}

func (c *Conn) publishWithRetry(ctx context.Context, subject, id string, data []byte) error {
	lastReported := ""
	for wait := (retry.Backoff{First: firstRetry, Max: maxRetry}); ; {
		err := c.publishOnce(ctx, subject, id, data)
		if err == nil {
			return nil
		}
		err = c.scrub(err)
		if errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrConnectionClosed) {
			return fmt.Errorf("publish alert %s: %w", id, err)
		}
		if ctx.Err() == nil && err.Error() != lastReported {
			lastReported = err.Error()
			c.onState(StateUnsent, fmt.Errorf("alert %s is not acknowledged yet: %w", id, err))
		}
		if !wait.Wait(ctx) {
			return fmt.Errorf("publish alert %s: not acknowledged: %w", id, errors.Join(context.Cause(ctx), err))
		}
	}
}

func (c *Conn) publishOnce(ctx context.Context, subject, id string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	ctx, release := c.WithConnErrors(ctx, subject, "_INBOX.")
	defer release()
	switch {
	case c.nc.IsClosed():
		return nats.ErrConnectionClosed
	case !c.nc.IsConnected():
		return ErrDisconnected
	}
	send := func() error {
		_, err := c.js.PublishMsg(ctx, c.newMessage(subject, id, data), jetstream.WithMsgID(id),
			jetstream.WithExpectStream(Stream), jetstream.WithRetryAttempts(0))
		return err
	}
	err := send()
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		// No stream has the subject: this is the first alert, or the stream was deleted with the server's directory.
		if _, ensured := c.ensureStream(ctx); ensured != nil {
			return errors.Join(err, ensured)
		}
		err = send()
	}
	return guardCause(ctx, err)
}
