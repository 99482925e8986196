package broker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/alerts"
	"vigil/internal/alerttest"
	"vigil/internal/disktest"
)

func TestStartOnAFullDisk(t *testing.T) {
	dir := disktest.Small(t, 4<<20)
	disktest.Fill(t, dir)
	store := filepath.Join(dir, "store")
	s, err := Start(alerttest.Within(t), Options{Dir: store, Port: -1})
	if err == nil {
		t.Fatal(errors.Join(errors.New("started"), s.Shutdown()))
	}
	for _, want := range []string{store, "no space left", "free some space"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q in it", err, want)
		}
	}
}

// An alert on a disk that fills up is never reported as stored; after a restart with free space it is stored once.
func TestDiskFillsWhileRunning(t *testing.T) {
	dir := disktest.Small(t, 8<<20)
	store := filepath.Join(dir, "store")
	s, err := Start(alerttest.Within(t), Options{Dir: store, Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(alerttest.Within(t))
	c, err := Dial(ctx, DialOptions{Server: s, OnState: func(state string, _ error) {
		if state == StateUnsent {
			stop()
		}
	}})
	if err != nil {
		t.Fatal(errors.Join(err, s.Shutdown()))
	}
	first := publish(t, c, event("a"))
	disktest.Fill(t, dir)
	var last alerts.Alert
	acknowledged := []alerts.Alert{first}
	for {
		// Blocks that are already allocated may hold a few more.
		last = event("a")
		if err = c.Publish(ctx, last); err != nil {
			break
		}
		acknowledged = append(acknowledged, last)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := errors.Join(c.Close(), s.Shutdown(), os.Remove(filepath.Join(dir, "ballast"))); err != nil {
		t.Fatal(err)
	}

	c = dial(t, DialOptions{Server: serve(t, Options{Dir: store})})
	publish(t, c, last)
	expect(t, follow(t, c, FollowOptions{All: true}), append(acknowledged, last)...)
	if n := storedMessages(t, c); n != uint64(len(acknowledged)+1) {
		t.Errorf("%d messages stored, want %d", n, len(acknowledged)+1)
	}
}
