package archive

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"vigil/alerts"
)

// ListOptions select the alerts to list. The zero value selects all.
type ListOptions struct {
	Camera string    // only this camera
	Since  time.Time // only alerts with a message since then
	Limit  int       // only the newest so many; 0 for all
	Acks   bool      // with acknowledgements
	// Invalid is called for messages with the alerts' subjects that are not vigil's; nil skips them silently.
	Invalid func(subject string, err error)
}

// Entry is the state of an alert in its last message.
type Entry struct {
	Message
	Ack *alerts.Ack // nil if there is none, or it was not requested
}

// List returns alerts sorted by their start, the newest last, and their number without the limit.
func (a *Archive) List(ctx context.Context, o ListOptions) (all []Entry, total int, err error) {
	found := map[string]Entry{}
	err = a.Follow(ctx, FollowOptions{
		Camera: o.Camera, Since: o.Since, All: o.Since.IsZero(), Once: true, Invalid: o.Invalid,
	}, func(m Message) error {
		found[m.Alert.ID] = Entry{Message: m}
		return nil
	})
	if err == nil {
		err = ctx.Err() // which ends Follow without an error
	}
	if err != nil {
		return nil, 0, err
	}
	all = newest(found, o.Limit)
	if !o.Acks {
		return all, len(found), nil
	}
	acks, err := a.openAcks(ctx)
	for i := range all {
		if err != nil {
			return nil, 0, err
		}
		all[i].Ack, err = acks.of(ctx, all[i].Alert.ID)
	}
	return all, len(found), err
}

// newest sorts alerts by their start, the newest last.
func newest(found map[string]Entry, limit int) []Entry {
	var all []Entry
	for _, e := range found {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(a.Alert.Start.Wall.Compare(b.Alert.Start.Wall), strings.Compare(a.Alert.ID, b.Alert.ID))
	})
	if limit > 0 && len(all) > limit {
		all = all[len(all)-limit:]
	}
	return all
}
