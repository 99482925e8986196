package evidence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/internal/errcode"
)

const (
	// copyTimeout bounds the copying of one alert's evidence, because it delays the alert itself.
	copyTimeout = 10 * time.Second
	// copyPause is the pause of copying after a failure.
	copyPause = time.Minute
	// maxRemembered is how many copied names are remembered.
	maxRemembered = 10000
)

// Copier copies evidence to another server's object store, along with the alerts that refer to it. It may be used for
// several cameras at once. Evidence that cannot be copied stays on this machine, and delays an alert by a few seconds
// at most.
type Copier struct {
	dst         *broker.Conn
	bucket      string
	limits      Limits
	log         *slog.Logger
	lock        chan struct{} // capacity 1: a mutex with cancellation, for the fields below
	src         *Reader
	to          *Store
	copied      map[string]bool
	pausedUntil time.Time
	lastLogged  string
	failures    atomic.Uint64

	started func(context.Context) // called at each acquire; for tests
}

// NewCopier returns a Copier to a bucket of another server that no other program writes to, within its limits. It waits
// for Start.
func NewCopier(to *broker.Conn, bucket string, limits Limits, log *slog.Logger) *Copier {
	c := &Copier{dst: to, bucket: bucket, limits: limits, log: log, lock: make(chan struct{}, 1)}
	c.lock <- struct{}{}
	return c
}

// Start sets the source. Alerts wait for it, so that none is delivered without its evidence at the start of a program.
func (c *Copier) Start(from jetstream.JetStream) {
	c.src = NewReader(from)
	c.release()
}

// Bucket returns the bucket of the other server.
func (c *Copier) Bucket() string { return c.bucket }

// Failures returns how often evidence could not be copied although there was a connection.
func (c *Copier) Failures() uint64 { return c.failures.Load() }

// Copy copies the evidence of an encoded alert that was not copied yet. A message of another program version is
// skipped.
func (c *Copier) Copy(ctx context.Context, message []byte) {
	a, err := alerts.Decode(message)
	if err != nil || len(a.Evidence) == 0 {
		return
	}
	c.copyAll(ctx, a.Evidence)
}

// CopyOne copies evidence that was not ready when the last message of its alert was sent.
func (c *Copier) CopyOne(ctx context.Context, e alerts.Evidence) {
	c.copyAll(ctx, []alerts.Evidence{e})
}

// Expire deletes old evidence on the other server, also from the bucket that all vigils once shared.
func (c *Copier) Expire(ctx context.Context) error {
	if !c.dst.Connected() || !c.acquire(ctx) {
		return nil
	}
	defer c.release()
	ctx, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	ctx, release := c.dst.WithConnErrors(ctx, "$O.", "$JS.API.", "_INBOX.")
	defer release()
	if err := c.expireBucket(ctx, c.to, c.bucket, c.limits); err != nil {
		return err
	}
	// On the server inside another vigil the shared name is that of its own evidence, which must not be deleted.
	if _, err := c.dst.JetStream().KeyValue(ctx, broker.PositionsBucket); !isMissing(err) {
		return err
	}
	return c.expireBucket(ctx, nil, Bucket, Limits{Bytes: math.MaxInt64, Age: c.limits.Age})
}

// expireBucket deletes old evidence from a bucket, which may be open already or not exist.
func (c *Copier) expireBucket(ctx context.Context, o *Store, bucket string, limits Limits) (err error) {
	if o == nil {
		if o, err = openBucket(ctx, c.dst.JetStream(), bucket, limits); isMissing(err) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return o.Expire(ctx)
}

// isMissing reports whether an error means that a bucket does not exist.
func isMissing(err error) bool {
	return errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrStreamNotFound)
}

// acquire locks the copier; false if ctx ends before.
func (c *Copier) acquire(ctx context.Context) bool {
	select {
	case c.lock <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *Copier) release() { <-c.lock }

// copyAll copies pieces one after the other. Its timeout begins once the lock is held.
func (c *Copier) copyAll(ctx context.Context, pieces []alerts.Evidence) {
	if !c.acquire(ctx) {
		return
	}
	defer c.release()
	ctx, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	if c.started != nil {
		c.started(ctx)
	}
	if time.Now().Before(c.pausedUntil) {
		return
	}
	// A server that refuses a subject reports that on the connection and does not reply.
	ctx, release := c.dst.WithConnErrors(ctx, "$O.", "$JS.API.", "_INBOX.")
	defer release()
	for _, e := range pieces {
		if c.copied[e.Name] {
			continue
		}
		if err := c.copyObject(ctx, e); err != nil {
			if ctx.Err() != nil {
				err = fmt.Errorf("object %s: %w", e.Name, context.Cause(ctx))
			}
			c.to = nil // the bucket may have been deleted with the server's data; look it up again
			// Without a connection the alert is not delivered either, and its evidence is retried with it.
			if !errors.Is(err, broker.ErrDisconnected) && !errors.Is(err, context.Canceled) {
				c.logFailure(err)
				c.pausedUntil = time.Now().Add(copyPause)
			}
			return
		}
		if len(c.copied) >= maxRemembered || c.copied == nil {
			c.copied = map[string]bool{}
		}
		c.copied[e.Name] = true
		c.lastLogged = ""
	}
}

// copyObject copies a piece from this machine's bucket, whatever bucket the alert names: that is the destination.
func (c *Copier) copyObject(ctx context.Context, e alerts.Evidence) error {
	data, err := c.src.Read(ctx, Bucket, e.Name)
	if err != nil {
		// It was deleted before the alert could be delivered: there is nothing to copy.
		c.log.Debug("evidence was deleted before it was copied", "name", e.Name, "error", err)
		return nil
	}
	if c.to == nil {
		if c.to, err = OpenBucket(ctx, c.dst.JetStream(), c.bucket, c.limits); err != nil {
			return fmt.Errorf("copy evidence: %w", err)
		}
	}
	return c.to.Put(ctx, e.Name, e.MediaType, data)
}

// logFailure counts a failure, and logs it once.
func (c *Copier) logFailure(err error) {
	c.failures.Add(1)
	if text := err.Error(); text != c.lastLogged {
		c.lastLogged = text
		c.log.Warn("evidence is not copied to the NATS server; alerts are still delivered", "error", err, errcode.Key,
			errcode.EvidenceNotCopied)
	}
}
