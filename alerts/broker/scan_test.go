package broker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"vigil/alerts"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// alertOf returns the alert id of a message.
func alertOf(r Record) string {
	id, _, _ := strings.Cut(r.ID, ":")
	return id
}

// startDamaged starts a server with eight alerts of two cameras, of which it cannot read two: the first and a later
// one. It returns their ids.
func startDamaged(t *testing.T) (*natsserver.Server, []string) {
	t.Helper()
	dir := t.TempDir()
	ns := natstest.Plain(t, dir)
	c := dial(t, DialOptions{URL: ns.ClientURL()})
	var ids []string
	for i := range 8 {
		a := event([]string{"yard", "gate"}[i%2])
		if err := c.Publish(alerttest.Within(t), a); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.ID)
	}
	ns.Shutdown()
	ns.WaitForShutdown()
	natstest.Corrupt(t, dir, Stream, ids[0], ids[4])
	return natstest.Plain(t, dir), ids
}

// A server stops silently at a message that it cannot read. The messages after it are read all the same, and the
// unreadable numbers are reported.
func TestUnreadableMessagesAreSkipped(t *testing.T) {
	ns, ids := startDamaged(t)
	var unreadable []uint64
	c := dial(t,
		DialOptions{URL: ns.ClientURL(), OnUnreadable: func(n []uint64) { unreadable = append(unreadable, n...) }})
	want := slices.Concat(ids[1:4], ids[5:])
	lastReported := func(t *testing.T) {
		t.Helper()
		if !slices.Equal(unreadable, []uint64{1, 5}) {
			t.Errorf("%v were reported as unreadable, want 1 and 5", unreadable)
		}
		unreadable = nil
	}
	for _, test := range []struct {
		name   string
		o      FollowOptions
		want   []string
		unread bool
	}{
		{name: "all", o: FollowOptions{All: true, Once: true}, want: want, unread: true},
		{name: "since", o: FollowOptions{Since: time.Now().Add(-time.Hour), Once: true}, want: want, unread: true},
		{
			name: "a camera", o: FollowOptions{All: true, Once: true, Subject: alerts.CameraSubject("gate")},
			want: []string{ids[1], ids[3], ids[5], ids[7]},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			if err := c.Follow(alerttest.Within(t), test.o,
				func(r Record) error { got = append(got, alertOf(r)); return nil }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("read %v, want %v", got, test.want)
			}
			if test.unread {
				lastReported(t)
			}
			unreadable = nil
		})
	}
	t.Run("last", func(t *testing.T) {
		if r, err := c.Last(alerttest.Within(t), alerts.CameraSubject("gate")); err != nil || alertOf(r) != ids[7] {
			t.Errorf("the last message is %s, %v", r.ID, err)
		}
		if _, err := c.Last(alerttest.Within(t), alerts.CameraSubject("nowhere")); !errors.Is(err, ErrNoMessage) {
			t.Errorf("error %v, want %v", err, ErrNoMessage)
		}
		if found, err := c.Fetch(alerttest.Within(t), []uint64{2, 5, 6}); err != nil || len(found) != 2 ||
			alertOf(found[1]) != ids[5] {
			t.Errorf("fetched are %v, %v", found, err)
		}
	})
	t.Run("follow", func(t *testing.T) {
		unreadable = nil
		ctx, stop := context.WithCancel(alerttest.Within(t))
		var got []string
		err := c.Follow(ctx, FollowOptions{All: true}, func(r Record) error {
			if got = append(got, alertOf(r)); len(got) == len(want) {
				stop()
			}
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("followed %v, %v, want %v", got, err, want)
		}
		lastReported(t)
	})
}
