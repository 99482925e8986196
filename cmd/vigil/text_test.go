package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"vigil/api"
)

func TestParseUntil(t *testing.T) {
	zone := time.FixedZone("x", 3600)
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, zone)
	for text, want := range map[string]string{
		"18:00": "2026-11-30T18:00:00+01:00", "12:00": "2026-12-01T12:00:00+01:00",
		"11:59":            "2026-12-01T11:59:00+01:00",
		"2026-12-24T18:00": "2026-12-24T18:00:00+01:00", "2026-12-24 18:00": "2026-12-24T18:00:00+01:00",
		"2026-12-24T18:00:00Z": "2026-12-24T18:00:00Z",
	} {
		if at, err := parseUntil(text, now); err != nil || at.Format(time.RFC3339) != want {
			t.Errorf("%s is %v, %v; want %s", text, at, err, want)
		}
	}
	for _, text := range []string{"", "6pm", "25:00", "18:00:00x", "tomorrow"} {
		if at, err := parseUntil(text, now); err == nil {
			t.Errorf("%q is %v", text, at)
		}
	}
}

// What is printed cannot steer a terminal, and shows each switch.
func TestPrint(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.Local)
	on := true
	regularity, threshold := 0.9, 0.02
	gate := api.Camera{
		Name: "gate", Configured: true, Source: "rtsp://x/\x1b[2J", State: "snoozed", Since: &at,
		Detail: "until \x1b[1m", FramesPerSecond: 9.96, ClipsScored: 12, Regularity: &regularity, Threshold: &threshold,
		Switches: api.Switches{SnoozedUntil: &at, DetectionOff: true, PausedUntil: &at, Paused: true},
		Changes:  []api.Change{{Change: "snooze", By: "cli", At: at}},
	}
	s := api.Status{
		Version: "1.2", UptimeSeconds: 93784, Store: api.Store{Bytes: 3 << 19, Alerts: 7},
		Cameras: []api.Camera{gate, {Name: "old", Switches: api.Switches{Paused: true}}},
		Config: &api.Config{
			File: "/etc/vigil.yaml", InForce: at, LastReload: &at,
			Error:       "/etc/vigil.yaml has 2 problems:\nvigil.yaml:3: \x1b[1m",
			NeedRestart: []string{"log.level", "threads"},
		},
		Sinks: []api.Sink{{Name: "mqtt", Connected: &on, Behind: []string{"gate"}}, {Name: "webhook"}},
	}
	var b strings.Builder
	for _, one := range []interface{ Print(w io.Writer) error }{
		statusView(s), cameraView(gate), changedView(gate), changedView(s.Cameras[1]),
	} {
		if err := one.Print(&b); err != nil {
			t.Fatal(err)
		}
	}
	if strings.ContainsRune(b.String(), 0x1b) {
		t.Errorf("a control character is printed:\n%q", b.String())
	}
	for _, want := range []string{
		"vigil 1.2, up 1 d 2 h, store 1.5 MiB with 7 messages", "not configured", "connected", "10.0", "0.90",
		"paused until 2026-11-30 12:00:00, snoozed until 2026-11-30 12:00:00, detection off", "snooze (cli)",
		"old: paused (not configured)", "configuration /etc/vigil.yaml of 2026-11-30 12:00:00",
		"  the file of 2026-11-30 12:00:00 is NOT in force", "\n  vigil.yaml:3: \\x1b[1m\n",
		"only after a restart: log.level, threads",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}
