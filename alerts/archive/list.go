package archive

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"vigil/alerts"
)

// ListOptions choose what to list. The zero value is everything that is kept.
type ListOptions struct {
	Camera string    // one camera only
	Since  time.Time // only alerts with a message since then
	Limit  int       // only so many, the newest; 0 for all
	Acks   bool      // with what people said of them
	// Invalid is called for messages under the alerts' subjects that are not vigil's; nil passes over them silently.
	Invalid func(subject string, err error)
}

// Entry is an alert as its last message has it.
type Entry struct {
	Message
	Ack *alerts.Ack // nil where nobody has said anything, or it was not asked for
}

// List gives alerts sorted by when they began, the newest last, and how many there are without the limit.
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
	for i := range all {
		if !o.Acks {
			break
		}
		ack, ok, err := a.ack(ctx, all[i].Alert.ID)
		if err != nil {
			return nil, 0, err
		}
		if ok {
			all[i].Ack = &ack
		}
	}
	return all, len(found), nil
}

// newest sorts by when alerts began, the newest last.
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
