package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/internal/terminal"
)

// serveAlerts is a server with alerts that began at the given times before now, each with a start and an end, the last
// one without.
func serveAlerts(t *testing.T, alertsOf ...alerts.Alert) (url string, js jetstream.JetStream) {
	t.Helper()
	server, err := broker.Start(t.Context(), broker.Options{
		Dir: t.TempDir(), Port: -1,
		Accounts: []broker.Account{clerk},
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := broker.Dial(t.Context(), broker.DialOptions{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(conn.Close(), server.Shutdown()); err != nil {
			t.Error(err)
		}
	})
	for _, a := range alertsOf {
		if err := conn.Publish(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	return server.URL(), conn.JetStream()
}

// alertSince gives an alert with an id of one's own, which began so long ago.
func alertSince(id, camera string, phase alerts.Phase, ago time.Duration) alerts.Alert {
	a := sampleAlert(phase)
	a.ID, a.Camera = id, camera
	a.Start.Wall = a.Start.Wall.Add(-ago)
	return a
}

// Ids of today's years, since the time in them is looked up.
const (
	idA = "01KB7Z0000AAAAAAAAAAAAAAAA"
	idB = "01KB7Z0001BBBBBBBBBBBBBBBB"
	idC = "01KB7Z0001BBCCCCCCCCCCCCCC"
	idD = "01KB8Z0002DDDDDDDDDDDDDDDD"
)

func fourAlerts(t *testing.T) (url string, js jetstream.JetStream) {
	t.Helper()
	return serveAlerts(t,
		alertSince(idA, "yard", alerts.PhaseStart, 3*time.Hour), alertSince(idA, "yard", alerts.PhaseEnd, 3*time.Hour),
		alertSince(idB, "gate", alerts.PhaseStart, 2*time.Hour), alertSince(idC, "yard", alerts.PhaseStart,
			2*time.Hour),
		alertSince(idD, "gate", alerts.PhaseStart, time.Hour),
		// The end of an older alert comes after the start of the last one.
		alertSince(idB, "gate", alerts.PhaseEnd, 2*time.Hour))
}

func TestAlertsList(t *testing.T) {
	asClerk(t)
	url, _ := fourAlerts(t)
	if code, _, errs := runAlerts(t.Context(), "ack", idB, "--server", url, "--by", "Ann",
		"--normal"); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	code, out, errs := runAlerts(t.Context(), "list", "--server", url)
	rows := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitDone || errs != "" || len(rows) != 5 || !strings.HasPrefix(rows[0], "ID ") {
		t.Fatalf("exit code %d: %s\n%s", code, errs, out)
	}
	// Two begin with the same twelve digits, so more are shown of all.
	for i, want := range [][]string{
		{idA[:13], "yard gate", "calm"},
		{idB[:13], "gate gate", "calm, normal (Ann)"},
		{idC[:13], "goes on"},
		{idD[:13], "0.0502 of 0.0386"},
	} {
		for _, w := range want {
			if !strings.Contains(rows[i+1], w) {
				t.Errorf("row %d lacks %q: %s", i, w, rows[i+1])
			}
		}
		if !strings.HasPrefix(rows[i+1], want[0]+"  ") || len(rows[i+1]) > 120 {
			t.Errorf("row %d is %s", i, rows[i+1])
		}
	}
	for _, c := range []struct {
		args []string
		want []string
		note string
	}{
		{[]string{"--camera", "yard"}, []string{idA, idC}, ""},
		{[]string{"--limit", "2"}, []string{idC, idD}, "the newest 2 of 4"},
		{[]string{"--limit", "0", "--since", "1h"}, []string{idA, idB, idC, idD}, ""},
		{[]string{"--camera", "nobody"}, nil, ""},
		{[]string{"--since", "1ns"}, nil, ""},
	} {
		code, out, errs := runAlerts(t.Context(), append([]string{"list", "--json", "--server", url}, c.args...)...)
		var ids []string
		for line := range strings.Lines(out) {
			a, err := alerts.Decode([]byte(line))
			if err != nil {
				t.Errorf("%v: %v: %s", c.args, err, line)
			}
			ids = append(ids, a.ID)
		}
		if code != exitDone || strings.Join(ids, " ") != strings.Join(c.want, " ") || !strings.Contains(errs, c.note) {
			t.Errorf("%v: exit code %d, %v, want %v: %s", c.args, code, ids, c.want, errs)
		}
	}
	if code, out, _ := runAlerts(t.Context(), "list", "--server", url, "--camera", "nobody"); code != exitDone ||
		out != "" {
		t.Errorf("without alerts: exit code %d, %q", code, out)
	}
	for _, args := range [][]string{{"--limit", "-1"}, {"--since", "tomorrow"}, {"--camera", "A.B"}} {
		if code, _, errs := runAlerts(t.Context(), append([]string{"list", "--server", url},
			args...)...); code != exitUsage {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	}
}

func TestAlertsByIDPrefix(t *testing.T) {
	asClerk(t)
	url, _ := fourAlerts(t)
	for _, c := range []struct {
		args []string
		code int
		want string // of what is printed, or of the error
	}{
		{[]string{idA}, exitDone, idA},
		{[]string{strings.ToLower(idA)}, exitDone, idA},
		{[]string{idA[:12]}, exitDone, idA},
		{[]string{"01kb8"}, exitDone, idD},
		{[]string{"01KB7Z0001BBB"}, exitDone, idB},
		{[]string{"01", "--camera", "yard"}, exitUsage, "2 alerts' ids begin with 01"},
		{[]string{idB[:12]}, exitUsage, "  " + idB + "  "},
		{[]string{idB[:12]}, exitUsage, "  " + idC + "  "},
		{[]string{idB[:12], "--camera", "yard"}, exitDone, idC},
		{[]string{"last"}, exitDone, idD},
		{[]string{"last", "--camera", "yard"}, exitDone, idC},
		{[]string{"last", "--camera", "nobody"}, exitFailed, "no such alert"},
		{[]string{"01KB9"}, exitFailed, "no id begins with 01KB9; 'vigil alerts list' shows them"},
		{[]string{"7"}, exitFailed, "no id begins with 7"},
		{[]string{"8"}, exitUsage, "neither the beginning"},
		{[]string{"01U"}, exitUsage, "neither the beginning"},
		{[]string{idA + "A"}, exitUsage, "neither the beginning"},
		{[]string{""}, exitUsage, "neither the beginning"},
		{[]string{"last", "--camera", "A.B"}, exitUsage, "--camera"},
	} {
		code, out, errs := runAlerts(t.Context(), append([]string{"show", "--server", url}, c.args...)...)
		if code != c.code || !strings.Contains(out+errs, c.want) {
			t.Errorf("%v: exit code %d, want %d with %q:\n%s%s", c.args, code, c.code, c.want, out, errs)
		}
	}
	dir := t.TempDir()
	if code, _, errs := runAlerts(t.Context(), "export", "last", dir, "--server", url); code != exitDone {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "alert.json")); err != nil || !strings.Contains(string(text), idD) {
		t.Errorf("%v: %s", err, text)
	}
	if code, out, errs := runAlerts(t.Context(), "ack", idA[:12], "--server", url); code != exitDone ||
		!strings.HasPrefix(out, idA+" acknowledged") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

// What comes over the network says nothing to the terminal, whatever it is.
func TestHostileMessagesAreEscaped(t *testing.T) {
	url, js := fourAlerts(t)
	hostile := alertSince(alerts.NewID(), "yard", alerts.PhaseStart, 0)
	hostile.Zones = []string{"\x1b]0;x\a", "\u009b2J", "\u202egnp"}
	hostile.Model.Name = "\x1b[2J"
	data, err := alerts.Encode(hostile)
	if err != nil {
		t.Fatal(err)
	}
	// Go's encoder leaves these as they are, as others may.
	raw := strings.ReplaceAll(string(data), `\u009b`, "\u009b")
	for i, m := range []string{raw, "\x1b[2J no JSON \u009b", `{"specversion":"1.0","id":"` + "\u009b2J" + `"}`} {
		if _, err := js.Publish(t.Context(), "vigil.alerts.yard.start", []byte(m),
			jetstream.WithMsgID(hostile.ID+":"+string(rune('0'+i)))); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, args := range [][]string{
		{"--since", "1h", "--follow=false"},
		{"--since", "1h", "--follow=false", "--json"},
		{"list"},
		{"list", "--json"},
		{"show", hostile.ID},
		{"show", hostile.ID, "--json"},
		{"show", "last"},
	} {
		_, out, errs := runAlerts(ctx, append([]string{"--server", url}, args...)...)
		if strings.ContainsFunc(out+errs, terminal.IsControl) || out+errs == "" {
			t.Errorf("%v prints %q%q", args, out, errs)
		}
	}
}
