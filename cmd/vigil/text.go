package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"vigil/api"
	"vigil/internal/terminal"
)

// The views are answers of a vigil with a form for people.
type (
	statusView  api.Status
	camerasView struct {
		Cameras []api.Camera `json:"cameras"`
	}
	cameraView  api.Camera
	changedView api.Camera // after a change of its switches
	editedView  api.Edited
	openedView  api.OneTimeAddress
)

// Print writes the status for people.
func (s statusView) Print(w io.Writer) error {
	fmt.Fprintf(w, "vigil %s, up %s, store %s with %d messages\n", terminal.Printable(s.Version),
		duration(time.Duration(s.UptimeSeconds)*time.Second), size(s.Store.Bytes), s.Store.Alerts)
	if s.Config != nil {
		printConfig(w, *s.Config)
	}
	fmt.Fprintln(w)
	if err := (camerasView{s.Cameras}).Print(w); err != nil {
		return err
	}
	if len(s.Sinks) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := newTable(w, "SINK", "STATE", "UNDELIVERED", "WHY")
	for _, sink := range s.Sinks {
		state := "-"
		if sink.Connected != nil {
			state = map[bool]string{true: "connected", false: "not connected"}[*sink.Connected]
		}
		behind := "none"
		if len(sink.Behind) > 0 {
			behind = fmt.Sprintf("%d of %s", sink.Waiting, strings.Join(sink.Behind, ", "))
		}
		t.row(sink.Name, state, behind, sink.Error)
	}
	return t.flush()
}

// printConfig writes what of the file is not in force, in lines.
func printConfig(w io.Writer, c api.Config) {
	fmt.Fprintf(w, "configuration %s of %s\n", terminal.Printable(c.File), localTime(&c.InForce))
	if c.Error != "" {
		fmt.Fprintf(w, "  the file of %s is NOT in force, the earlier configuration goes on:\n",
			localTime(c.LastReload))
		for line := range strings.Lines(c.Error) {
			fmt.Fprintf(w, "  %s\n", terminal.Escape(strings.TrimRight(line, "\n")))
		}
	}
	if len(c.NeedRestart) > 0 {
		fmt.Fprintf(w, "  in force only after a restart: %s\n", strings.Join(c.NeedRestart, ", "))
	}
}

// Print writes the cameras for people.
func (c camerasView) Print(w io.Writer) error {
	t := newTable(w, "CAMERA", "FROM", "STATE", "SINCE", "FPS", "SCORED", "SKIPPED", "EVENTS", "REGULARITY", "SWITCHES",
		"WHY")
	for _, one := range c.Cameras {
		if !one.Configured {
			t.row(one.Name, "-", "not configured", "-", "-", "-", "-", "-", "-", one.Switches.String(), "")
			continue
		}
		t.row(one.Name, one.Origin.String(), string(one.State), localTime(one.Since),
			fmt.Sprintf("%.1f", one.FramesPerSecond), number(one.ClipsScored), number(one.ClipsSkipped),
			number(one.Events), measured(one.Regularity, "%.2f"), one.Switches.String(), one.Detail)
	}
	return t.flush()
}

// Print writes a camera for people.
func (c cameraView) Print(w io.Writer) error {
	t := newTable(w)
	t.row("camera", c.Name)
	if c.Configured {
		t.row("source", c.Source)
		t.row("from", c.Origin.String())
		if c.Revision > 0 {
			t.row("revision", number(c.Revision))
		}
		c.printSettings(t)
		t.row("state", string(c.State))
		t.row("since", localTime(c.Since))
		if c.Detail != "" {
			t.row("why", c.Detail)
		}
		if c.Code != "" {
			t.row("code", c.Code)
		}
		t.row("frames", fmt.Sprintf("%d, %.1f a second, %d missing, %d decode errors", c.Frames, c.FramesPerSecond,
			c.Missing, c.DecodeErrors))
		t.row("clips", fmt.Sprintf("%d scored, %d skipped", c.ClipsScored, c.ClipsSkipped))
		t.row("events", fmt.Sprintf("%d, %d held", c.Events, c.AlertsHeld))
		t.row("regularity", measured(c.Regularity, "%.3f"))
		t.row("error", measured(c.Error, "%.4g"))
		t.row("threshold", measured(c.Threshold, "%.4g"))
	} else {
		t.row("state", "not configured")
	}
	t.row("switches", c.Switches.String())
	for _, change := range c.Changes {
		t.row("changed", fmt.Sprintf("%s  %s (%s)", localTime(&change.At), change.Change, change.By))
	}
	return t.flush()
}

// printSettings writes what was set of a camera at run time, in the form of vigil camera set.
func (c cameraView) printSettings(t *table) {
	var settings map[string]json.RawMessage
	if json.Unmarshal(c.Settings, &settings) != nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if key == "name" || key == "source" {
			continue
		}
		value := string(settings[key])
		var text string
		if json.Unmarshal(settings[key], &text) == nil {
			value = text
		}
		t.row("set", terminal.Escape(key+"="+value))
	}
}

// Print writes what the switches are now, in a line.
func (c changedView) Print(w io.Writer) error {
	text := c.Switches.String()
	if text == "-" {
		text = "monitored as configured"
	}
	if !c.Configured {
		text += " (not configured)"
	}
	_, err := fmt.Fprintf(w, "%s: %s\n", terminal.Printable(c.Name), text)
	return err
}

// Print writes what was done, or would be, in a line or two.
func (e editedView) Print(w io.Writer) error {
	text := map[api.Effect]string{
		api.EffectAdded: "added", api.EffectUpdated: "changed between two clips",
		api.EffectReopened: "changed, and opened again",
		api.EffectNone:     "nothing changes", api.EffectRemoved: "removed",
	}[e.Effect]
	if e.Check {
		text = "would be " + text
		if e.Effect == api.EffectNone {
			text = "nothing would change"
		}
	}
	if e.Revision > 0 {
		text += fmt.Sprintf(" (revision %d)", e.Revision)
	}
	if _, err := fmt.Fprintf(w, "%s: %s\n", terminal.Printable(e.Name), text); err != nil || e.Detail == "" {
		return err
	}
	_, err := fmt.Fprintln(w, terminal.Escape(e.Detail))
	return err
}

// Print writes the address alone.
func (o openedView) Print(w io.Writer) error {
	_, err := fmt.Fprintln(w, o.URL)
	return err
}

// table writes aligned columns without trailing spaces.
type table struct {
	to  io.Writer
	b   strings.Builder
	tab *tabwriter.Writer
}

func newTable(w io.Writer, header ...string) *table {
	t := &table{to: w}
	t.tab = tabwriter.NewWriter(&t.b, 0, 0, 2, ' ', 0)
	if len(header) > 0 {
		t.row(header...)
	}
	return t
}

func (t *table) row(cells ...string) {
	for i, c := range cells {
		if cells[i] = terminal.Printable(c); strings.ContainsRune(c, '"') {
			cells[i] = strings.NewReplacer("\n", " ", "\t", " ").Replace(terminal.Escape(c))
		}
	}
	fmt.Fprintln(t.tab, strings.Join(cells, "\t"))
}

func (t *table) flush() error {
	if err := t.tab.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(t.b.String()) {
		if _, err := fmt.Fprintln(t.to, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func localTime(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func measured(v *float64, form string) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf(form, *v)
}

// duration rounds to what people read.
func duration(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

func size(bytes uint64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
