package archive

import (
	"context"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
)

// FollowOptions choose what to follow. The zero value is every camera, from now on.
type FollowOptions struct {
	Camera string    // one camera only
	Since  time.Time // with the history since then
	All    bool      // with the whole history
	Once   bool      // ends after what is stored when it begins
	// Invalid is called for messages under the alerts' subjects that are not vigil's; nil passes over them silently.
	Invalid func(subject string, err error)
}

// Follow calls each for every message of an alert in the order of the stream, each once, and survives a restart of the
// server. It returns nil when ctx ends, or the error that each returned. Where there are no alerts yet it waits for the
// first one; with Once it ends.
func (a *Archive) Follow(ctx context.Context, o FollowOptions, each func(Message) error) error {
	if o.Camera != "" {
		if err := alerts.ValidCamera(o.Camera); err != nil {
			return err
		}
	}
	return a.conn.Follow(ctx, broker.FollowOptions{
		Subject: subjectsOf(o.Camera), Since: o.Since, All: o.All, Once: o.Once,
	}, func(r broker.Record) error {
		decoded, err := alerts.Decode(r.Data)
		if err != nil {
			if o.Invalid != nil {
				o.Invalid(r.Subject, err)
			}
			return nil
		}
		return each(Message{decoded, r.Data})
	})
}
