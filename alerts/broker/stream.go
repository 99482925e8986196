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
)

// Stream is the name of the stream of alerts.
const Stream = "VIGIL_ALERTS"

// PositionsBucket is the key-value bucket with the cursors of the outbox's sinks: <sink> is the initial cursor,
// <sink>.<camera> the number of the last acknowledged message. Only the embedded server has it.
const PositionsBucket = "VIGIL_OUTBOX"

const (
	// DedupWindow is how long the server remembers stored ids: a repeat within it is acknowledged and not stored again.
	// An operator's own stream keeps its own window, 2 minutes by default.
	DedupWindow = 24 * time.Hour
	// StreamBytes bounds the stream; beyond it the oldest alerts are deleted. At about 1.5 kB each it holds some
	// 170,000.
	StreamBytes = 256 << 20
)

// ErrNoStream means that the server has no stream of alerts yet: the first alert creates it.
var ErrNoStream = errcode.StoreNoStream.New("no alerts yet")

// stream returns the stream and creates nothing: it returns ErrNoStream if there is none.
func (c *Conn) stream(ctx context.Context) (jetstream.Stream, error) { return c.openStream(ctx, false) }

// ensureStream returns the stream and creates it if missing, for publishers. An operator's limits stay as they are.
func (c *Conn) ensureStream(ctx context.Context) (jetstream.Stream, error) {
	return c.openStream(ctx, true)
}

// EnsureStream creates the stream if missing, to find out before the first alert whether it can be stored.
func (c *Conn) EnsureStream(ctx context.Context) error {
	_, err := c.ensureStream(ctx)
	return err
}

func (c *Conn) openStream(ctx context.Context, create bool) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ctx, release := c.WithConnErrors(ctx, "$JS.API.", "_INBOX.")
	defer release()
	s, err := c.js.Stream(ctx, Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if !create {
			return nil, fmt.Errorf("NATS at %s: %w: there is no stream %s", c.address, ErrNoStream, Stream)
		}
		s, err = c.js.CreateStream(ctx, jetstream.StreamConfig{
			Name:        Stream,
			Description: "Alerts of vigil",
			Subjects:    []string{alerts.AllAlerts},
			Storage:     jetstream.FileStorage,
			Discard:     jetstream.DiscardOld,
			MaxBytes:    StreamBytes,
			Duplicates:  DedupWindow,
		})
		// Another vigil may have created it first, with another configuration.
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			s, err = c.js.Stream(ctx, Stream)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("NATS at %s: stream %s: %w", c.address, Stream, c.streamError(ctx, err))
	}
	for _, subject := range s.CachedInfo().Config.Subjects {
		if covers(subject, alerts.AllAlerts) {
			return s, nil
		}
	}
	return nil, fmt.Errorf("NATS at %s: stream %s stores %q, not %s: add that subject to it",
		c.address, Stream, s.CachedInfo().Config.Subjects, alerts.AllAlerts)
}

// mayCreate checks whether the stream could be created. The server checks the permission first, then refuses a request
// whose subject and contents disagree, so nothing is created.
func (c *Conn) mayCreate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ctx, release := c.WithConnErrors(ctx, "$JS.API.", "_INBOX.")
	defer release()
	account, err := c.js.AccountInfo(ctx)
	if err == nil {
		if most := account.Limits.MaxStore; most >= 0 && most-int64(account.Store) < StreamBytes {
			return fmt.Errorf(
				"NATS at %s: stream %s: the account has no room for %d MiB: free some, or create the stream with "+
					"limits of your own",
				c.address, Stream, StreamBytes>>20)
		}
		_, err = c.nc.RequestWithContext(ctx, "$JS.API.STREAM.CREATE."+Stream, []byte(`{"name":"VIGIL_PROBE"}`))
	}
	if err != nil {
		return fmt.Errorf("NATS at %s: stream %s: %w", c.address, Stream, c.streamError(ctx, err))
	}
	return nil
}

func (c *Conn) streamError(ctx context.Context, err error) error {
	err = guardCause(ctx, err)
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		return fmt.Errorf("%w: allow this user to publish to $JS.API.> and vigil.> and to subscribe to _INBOX.>",
			c.scrub(err))
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%w: JetStream is off: start the server with -js, or set jetstream in its configuration", err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("%w: enable JetStream for the account of this user", err)
	case errors.As(err, &api) && (api.ErrorCode == errStorage || api.ErrorCode == errResources):
		return fmt.Errorf(
			"%w: the server has no room for %d MiB: free some, or create the stream with limits of your own", err,
			StreamBytes>>20)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return fmt.Errorf("no answer within %v: %w", requestTimeout, err)
	}
	return c.scrub(err)
}

// Server error codes without a name in the client.
const (
	errStorage   jetstream.ErrorCode = 10047
	errResources jetstream.ErrorCode = 10023
)
