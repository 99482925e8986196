package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/broker"
)

// lines is a writer that hands over each line as it is complete.
type lines struct {
	mu   sync.Mutex
	rest []byte
	out  chan string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.out <- string(line)
		l.rest = rest
	}
}

func sampleAlert(phase alerts.Phase) alerts.Alert {
	at := time.Now().UTC().Truncate(time.Second)
	a := alerts.Alert{
		ID: alerts.NewID(), Phase: phase, Kind: alerts.KindAnomaly, Camera: "yard", Zones: []string{"gate"},
		Start: alerts.Moment{Wall: at, StreamSeconds: 1, Frame: 25}, Peak: alerts.Moment{
			Wall: at, StreamSeconds: 1,
			Frame: 25,
		},
		Measurement: &alerts.Measurement{
			Error: 0.05, Regularity: 0.31, PeakError: 0.0502, PeakRegularity: 0.22,
			Lo: 0.01, Threshold: 0.0386, Severity: 0.78,
		},
		DurationSeconds: 2, Model: alerts.Model{Name: "small", Hash: "ab"},
		Source: alerts.Source{Width: 640, Height: 480},
	}
	if phase == alerts.PhaseEnd {
		a.Seq, a.End, a.EndReason = 1, &a.Peak, alerts.EndCalm
	}
	return a
}

func runAlerts(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, append([]string{"alerts"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

func TestAlertsFollowsUntilASignal(t *testing.T) {
	server, err := broker.Start(t.Context(), broker.Options{Dir: t.TempDir(), Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := broker.Dial(t.Context(), broker.DialOptions{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	want := sampleAlert(alerts.PhaseStart)
	if err := conn.Publish(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args  []string
		check func(t *testing.T, line string)
	}{
		"line": {nil, func(t *testing.T, line string) {
			if line != archive.Line(want) {
				t.Errorf("line %q, want %q", line, archive.Line(want))
			}
		}},
		"json": {[]string{"--json"}, func(t *testing.T, line string) {
			if a, err := alerts.Decode([]byte(line)); err != nil || a.ID != want.ID {
				t.Errorf("%q: %v", line, err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			out := &lines{out: make(chan string, 10)}
			var errs bytes.Buffer
			code := make(chan int, 1)
			go func() {
				args := append([]string{"alerts", "--server", server.URL(), "--camera", "yard", "--since", "1h"},
					c.args...)
				code <- run(ctx, args, out, &errs)
			}()
			select {
			case line := <-out.out:
				c.check(t, line)
			case <-ctx.Done():
				t.Fatal("no alert was printed")
			}
			cancel()
			if got := <-code; got != exitDone {
				t.Errorf("exit code %d: %s", got, &errs)
			}
		})
	}
}

func TestAlertsRefusesAWrongCommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"scheme":   {[]string{"--server", "ftp://x"}, "scheme ftp"},
		"API":      {[]string{"--server", "http://x"}, "give https://"},
		"port":     {[]string{"--server", "nats://u:s3cret@x:99999"}, "99999"},
		"camera":   {[]string{"--camera", "A.B"}, "a-b"},
		"since":    {[]string{"--since", "-1h"}, "positive"},
		"unit":     {[]string{"--since", "24"}, "since"},
		"argument": {[]string{"yard"}, "yard"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := runAlerts(t.Context(), c.args...)
			if code != exitUsage || !strings.Contains(stderr, c.want) || strings.Contains(stderr, "s3cret") {
				t.Errorf("exit code %d, %q; want %d and %q", code, stderr, exitUsage, c.want)
			}
		})
	}
}

func TestAlertsFailsWithoutNATS(t *testing.T) {
	t.Setenv("NATS_URL", "nats://u:s3cret@127.0.0.1:1")
	code, _, stderr := runAlerts(t.Context())
	if code != exitFailed || !strings.Contains(stderr, "127.0.0.1:1") || strings.Contains(stderr, "s3cret") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
