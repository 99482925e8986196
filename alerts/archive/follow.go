package archive

import (
	"context"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
)

// FollowOptions select the messages to follow. The zero value selects new messages of all cameras.
type FollowOptions struct {
	Camera string    // only this camera
	Since  time.Time // also stored messages since then
	All    bool      // also all stored messages
	Once   bool      // ends after the messages stored at the start
	// After selects all messages behind it; nil for none.
	After *broker.Position
	// Invalid is called for messages with the alerts' subjects that are not vigil's; nil skips them silently.
	Invalid func(subject string, err error)
}

// Position returns the position behind the message that was stored last.
func (a *Archive) Position(ctx context.Context) (broker.Position, error) {
	now, err := a.conn.State(ctx)
	return now.Position(), err
}

// Follow calls each once for every message of an alert in the order of the stream, and survives a restart of the
// server. It returns nil when ctx ends, or the error that each returned. If there are no alerts yet it waits for the
// first one; with Once it ends.
func (a *Archive) Follow(ctx context.Context, o FollowOptions, each func(Message) error) error {
	if o.Camera != "" {
		if err := alerts.ValidCamera(o.Camera); err != nil {
			return err
		}
	}
	return a.conn.Follow(ctx, broker.FollowOptions{
		Subject: subjectsOf(o.Camera), Since: o.Since, All: o.All, After: o.After, Once: o.Once,
	}, func(r broker.Record) error {
		decoded, err := alerts.Decode(r.Data)
		if err != nil {
			if o.Invalid != nil {
				o.Invalid(r.Subject, err)
			}
			return nil
		}
		return each(Message{decoded, r.Data, r.Position()})
	})
}
