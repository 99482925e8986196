package evidence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
)

const (
	// copyTime bounds the copying of one alert's evidence: the alert itself waits behind it.
	copyTime = 10 * time.Second
	// copyPause is for how long nothing is copied after a failure.
	copyPause = time.Minute
	// remembered is how many names are known to have been copied.
	remembered = 10000
)

// Copier takes evidence along to another server's object store, with the alerts that refer to it. It may be used for several cameras at
// once. What cannot be copied stays where it is, and holds an alert up for a few seconds at most.
type Copier struct {
	From   jetstream.JetStream
	To     *broker.Conn
	Limits Limits // of the other store
	Log    *slog.Logger

	mu     sync.Mutex
	to     *Objects
	done   map[string]bool
	paused time.Time
	told   string
}

// Copy copies the evidence of an encoded alert that was not copied yet. A message of another program version is passed over.
func (c *Copier) Copy(ctx context.Context, message []byte) {
	a, err := alerts.Decode(message)
	if err != nil || len(a.Evidence) == 0 {
		return
	}
	c.all(ctx, a.Evidence)
}

// Late copies what was not ready when the last message of its alert was sent.
func (c *Copier) Late(ctx context.Context, e alerts.Evidence) { c.all(ctx, []alerts.Evidence{e}) }

func (c *Copier) all(ctx context.Context, pieces []alerts.Evidence) {
	ctx, cancel := context.WithTimeout(ctx, copyTime)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.paused) {
		return
	}
	// A server that refuses a subject says so on the connection, and does not answer.
	ctx, release := c.To.Guard(ctx, "$O.", "$JS.API.", "_INBOX.")
	defer release()
	for _, e := range pieces {
		if c.done[e.Name] {
			continue
		}
		if err := c.one(ctx, e); err != nil {
			if ctx.Err() != nil {
				err = fmt.Errorf("object %s: %w", e.Name, context.Cause(ctx))
			}
			// Without a connection the alert is not delivered either, and its evidence is tried again with it.
			if !errors.Is(err, broker.ErrDisconnected) && !errors.Is(err, context.Canceled) {
				c.say(err)
				c.paused = time.Now().Add(copyPause)
			}
			return
		}
		if len(c.done) >= remembered || c.done == nil {
			c.done = map[string]bool{}
		}
		c.done[e.Name] = true
		c.told = ""
	}
}

func (c *Copier) one(ctx context.Context, e alerts.Evidence) error {
	data, err := Read(ctx, c.From, e.Bucket, e.Name)
	if err != nil {
		// It was let go before the alert could leave: there is nothing to copy any more.
		c.Log.Debug("evidence is no longer there to be copied", "name", e.Name, "error", err)
		return nil
	}
	if c.to == nil {
		if c.to, err = OpenObjects(ctx, c.To.JetStream(), c.Limits); err != nil {
			return fmt.Errorf("copy evidence: %w", err)
		}
	}
	return c.to.Put(ctx, e.Name, e.MediaType, data)
}

// say says a failure once.
func (c *Copier) say(err error) {
	if text := err.Error(); text != c.told {
		c.told = text
		c.Log.Warn("evidence is not copied to the NATS server; alerts go on", "error", err)
	}
}
