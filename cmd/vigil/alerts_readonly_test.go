package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/broker"
	"vigil/app"
	"vigil/config"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// describeStreams are the streams of a server, which its buckets are too, each with its consumers.
func describeStreams(t *testing.T, js jetstream.JetStream) string {
	t.Helper()
	var all []string
	streams := js.ListStreams(t.Context())
	for info := range streams.Info() {
		all = append(all, fmt.Sprintf("%s: %d consumers", info.Config.Name, info.State.Consumers))
	}
	if err := streams.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// Commands that only read leave a server as they found it: no stream and no consumer is created.
func TestReadingCreatesNothing(t *testing.T) {
	port := natstest.FreePort(t)
	natstest.Launch(t, port, natstest.JetStreamIn(t.TempDir()))
	url := fmt.Sprintf("nats://127.0.0.1:%d", port)
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	a := sampleAlert(alerts.PhaseStart)
	for _, server := range []struct{ name, note string }{{"empty", "no alerts yet"}, {"with an alert", ""}} {
		if server.note == "" {
			conn, err := broker.Dial(t.Context(), broker.DialOptions{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.Publish(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
		before := describeStreams(t, js)
		for _, args := range [][]string{
			{"--since", "1h", "--follow=false"},
			{"--since", "1h", "--follow=false", "--camera", "yard", "--json"},
			{"show", a.ID},
			{"export", a.ID, filepath.Join(t.TempDir(), "out")},
			{"ack", alerts.NewID()},
		} {
			_, out, errs := runAlerts(t.Context(), append(args, "--server", url)...)
			if server.note != "" && (!strings.Contains(errs, server.note) || out != "") {
				t.Errorf("%s, %v: noted %q, printed %q", server.name, args, errs, out)
			}
			if after := describeStreams(t, js); after != before {
				t.Errorf("%s, %v: there were %q, there are %q", server.name, args, before, after)
			}
		}
		cfg := config.Default()
		cfg.NATS.URL = url
		cfg.Cameras = []config.Camera{{Name: "yard"}}
		if err := app.CheckNATS(t.Context(), cfg); err != nil {
			t.Errorf("%s: check: %v", server.name, err)
		}
		if after := describeStreams(t, js); after != before {
			t.Errorf("%s, check: there were %q, there are %q", server.name, before, after)
		}
	}
}

// Following a server without alerts reports that, and then prints the first one.
func TestFollowWaitsForTheFirstAlert(t *testing.T) {
	port := natstest.FreePort(t)
	natstest.Launch(t, port, natstest.JetStreamIn(t.TempDir()))
	url := fmt.Sprintf("nats://127.0.0.1:%d", port)
	ctx, cancel := context.WithTimeout(t.Context(), alerttest.LongWait)
	defer cancel()
	out, notes := &lines{out: make(chan string, 10)}, &lines{out: make(chan string, 10)}
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"alerts", "--server", url}, out, notes) }()
	line := func(from *lines) string {
		t.Helper()
		select {
		case l := <-from.out:
			return l
		case <-ctx.Done():
			t.Fatal("nothing was printed")
			return ""
		}
	}
	if l := line(notes); !strings.Contains(l, "no alerts yet") {
		t.Errorf("the note is %q", l)
	}
	conn, err := broker.Dial(ctx, broker.DialOptions{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	a := sampleAlert(alerts.PhaseStart)
	if err := conn.Publish(ctx, a); err != nil {
		t.Fatal(err)
	}
	if l := line(out); l != archive.Line(a) {
		t.Errorf("printed is %q", l)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	cancel()
	if c := <-code; c != exitDone {
		t.Errorf("exit code %d", c)
	}
}

// A command looks up each bucket once, however many objects it reads there.
func TestBucketIsLookedUpOnce(t *testing.T) {
	url, _, a := serveStoredAlert(t)
	nc, err := nats.Connect(url, nats.UserInfo(clerk.Name, clerk.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	lookups, err := nc.SubscribeSync("$JS.API.STREAM.INFO.OBJ_VIGIL_EVIDENCE")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runAlerts(t.Context(), "export", a.ID, t.TempDir(), "--server", url); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	n, _, err := lookups.Pending()
	if err != nil {
		t.Fatal(err)
	}
	var opened int
	for range n {
		m, err := lookups.NextMsg(alerttest.LongWait)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(m.Data), "subjects_filter") { // with it, the request is for one object
			opened++
		}
	}
	if opened != 2 { // as a bucket, and as the stream behind it
		t.Errorf("opened %d times", opened)
	}
}
