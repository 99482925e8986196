package broker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"vigil/alerts"
)

// plainServer runs a NATS server as an operator does, who does not look at its files.
func plainServer(t *testing.T, dir string) *natsserver.Server {
	t.Helper()
	ns, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: dir,
		NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	if !ns.ReadyForConnections(patience) {
		t.Fatal("the server does not answer")
	}
	t.Cleanup(func() {
		ns.Shutdown()
		ns.WaitForShutdown()
	})
	return ns
}

// damaged is a server that has eight alerts of two cameras, of which it cannot read two: the first and a later one. It
// gives their ids.
func damaged(t *testing.T) (*natsserver.Server, []string) {
	t.Helper()
	dir := t.TempDir()
	ns := plainServer(t, dir)
	c := dial(t, DialOptions{URL: ns.ClientURL()})
	var ids []string
	for i := range 8 {
		a := event([]string{"yard", "gate"}[i%2])
		if err := c.Publish(within(t), a); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.ID)
	}
	ns.Shutdown()
	ns.WaitForShutdown()
	block := filepath.Join(dir, "jetstream", "$G", "streams", Stream, "msgs", "1.blk")
	data, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{ids[0], ids[4]} {
		at := strings.LastIndex(string(data), id)
		data[at] ^= 0x55
	}
	if err := os.WriteFile(block, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return plainServer(t, dir), ids
}

// A server that cannot read a message stops before it and says nothing. What is behind is read all the same, and which
// numbers were not is said.
func TestWhatAServerCannotReadIsPassedOver(t *testing.T) {
	ns, ids := damaged(t)
	var unreadable []uint64
	c := dial(t,
		DialOptions{URL: ns.ClientURL(), OnUnreadable: func(n []uint64) { unreadable = append(unreadable, n...) }})
	want := slices.Concat(ids[1:4], ids[5:])
	lastReported := func(t *testing.T) {
		t.Helper()
		if !slices.Equal(unreadable, []uint64{1, 5}) {
			t.Errorf("%v were said to be unreadable, want 1 and 5", unreadable)
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
		{name: "since", o: FollowOptions{Since: time.Hour, Once: true}, want: want, unread: true},
		{
			name: "a camera", o: FollowOptions{All: true, Once: true, Camera: "gate"},
			want: []string{ids[1], ids[3], ids[5], ids[7]},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			if err := c.Follow(within(t), test.o,
				func(a alerts.Alert) error { got = append(got, a.ID); return nil }); err != nil {
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
	t.Run("find", func(t *testing.T) {
		if _, err := c.Find(within(t), ids[6]); err != nil {
			t.Error(err)
		}
		if _, err := c.Find(within(t), ids[4]); !errors.Is(err, ErrNoAlert) {
			t.Errorf("what cannot be read was found: %v", err)
		}
		unreadable = nil
		if last, err := c.Latest(within(t), ""); err != nil || last != ids[7] {
			t.Errorf("the last alert is %s, %v", last, err)
		}
	})
	t.Run("follow", func(t *testing.T) {
		unreadable = nil
		ctx, stop := context.WithCancel(within(t))
		var got []string
		err := c.Follow(ctx, FollowOptions{All: true}, func(a alerts.Alert) error {
			if got = append(got, a.ID); len(got) == len(want) {
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
