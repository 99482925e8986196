package archive

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/outbox"
	"vigil/alerts/store"
	"vigil/internal/terminal"
)

// Line formats a message in one line, usually of under 110 columns: time, phase, alert, camera and zones, peak and
// threshold, duration.
func Line(a alerts.Alert) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-6s  %s  %s", a.Time().Local().Format(time.DateTime), a.Phase, ShortID(a.ID), a.Camera)
	if len(a.Zones) > 0 {
		fmt.Fprintf(&b, "  %s", terminal.Printable(strings.Join(a.Zones, ", ")))
	}
	if a.Kind != alerts.KindAnomaly {
		fmt.Fprintf(&b, "  %s", terminal.Printable(kindText(a)))
	}
	if m := a.Measurement; m != nil {
		fmt.Fprintf(&b, "  peak %.4g of %.4g", m.PeakError, m.Threshold)
	}
	fmt.Fprintf(&b, "  %.1f s", a.DurationSeconds)
	if a.EndReason != "" {
		fmt.Fprintf(&b, "  %s", terminal.Printable(string(a.EndReason)))
	}
	return b.String()
}

// kindText is an alert's kind with its reason, as "untrusted: covered".
func kindText(a alerts.Alert) string {
	if a.Reason == "" {
		return string(a.Kind)
	}
	return string(a.Kind) + ": " + a.Reason
}

// WriteTable writes a row for each alert, below a header if there are any.
func WriteTable(w io.Writer, all []Entry) error {
	ids := make([]string, len(all))
	for i, e := range all {
		ids[i] = e.Alert.ID
	}
	digits := DistinctDigits(ids)
	rows := make([][]string, len(all))
	for i, e := range all {
		rows[i] = e.row(digits)
	}
	return writeRows(w, "ID\tBEGAN\tCAMERA\tLASTED\tPEAK\tSTATE", rows)
}

func (e Entry) row(digits int) []string {
	a, state, peak, camera := e.Alert, "goes on", "", e.Alert.Camera
	if a.EndReason != "" {
		state = string(a.EndReason)
	}
	if a.Kind != alerts.KindAnomaly {
		state = kindText(a) + ", " + state
	}
	if e.Ack != nil {
		state += ", " + map[bool]string{true: "normal", false: "seen"}[e.Ack.Normal] + " (" + e.Ack.By + ")"
	}
	if m := a.Measurement; m != nil {
		peak = fmt.Sprintf("%.4g of %.4g", m.PeakError, m.Threshold)
	}
	if len(a.Zones) > 0 {
		camera += " " + terminal.Printable(strings.Join(a.Zones, ", "))
	}
	return []string{
		a.ID[:min(digits, len(a.ID))], a.Start.Wall.Local().Format(time.DateTime), camera,
		fmt.Sprintf("%.1f s", a.DurationSeconds), peak, terminal.Printable(state),
	}
}

// WriteAside writes a row for each set-aside message, below a header if there are any.
func WriteAside(w io.Writer, all []outbox.Aside) error {
	rows := make([][]string, len(all))
	for i, m := range all {
		if m.Retry {
			m.Reason = "retry requested; " + m.Reason
		}
		rows[i] = []string{
			terminal.Printable(m.MessageID), terminal.Printable(m.Sink), terminal.Printable(m.Camera),
			m.Since.Local().Format(time.DateTime), terminal.Printable(m.Reason),
		}
	}
	return writeRows(w, "ID\tSINK\tCAMERA\tSINCE\tREASON", rows)
}

func writeRows(w io.Writer, header string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(rows) > 0 {
		fmt.Fprintln(t, header)
	}
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// String formats the record as labelled lines.
func (r *Record) String() string {
	var b strings.Builder
	a, line := r.Last, func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, terminal.Printable(fmt.Sprintf(format, args...)))
	}
	at := func(m alerts.Moment) string {
		return fmt.Sprintf("%s  second %.1f  frame %d", m.Wall.Local().Format("2006-01-02 15:04:05.000"),
			m.StreamSeconds, m.Frame)
	}
	line("alert", "%s  %s", a.ID, kindText(a))
	line("camera", "%s  %dx%d", a.Camera, a.Source.Width, a.Source.Height)
	if len(a.Zones) > 0 {
		line("zones", "%s", strings.Join(a.Zones, ", "))
	}
	line("start", "%s", at(a.Start))
	line("peak", "%s", at(a.Peak))
	if a.End != nil {
		line("end", "%s  %s after %.1f s", at(*a.End), a.EndReason, a.DurationSeconds)
	} else {
		line("end", "goes on since %.1f s", a.DurationSeconds)
	}
	if m := a.Measurement; m != nil {
		line("reading", "regularity %.2f  error %.4g of %.4g  severity %.2f", m.PeakRegularity, m.PeakError,
			m.Threshold, m.Severity)
	}
	line("model", "%s  %.12s  calibration %s", a.Model.Name, a.Model.Hash, cmp.Or(a.CalibrationID, "none"))
	line("messages", "%d", len(r.Messages))
	for _, e := range r.Evidence {
		line("evidence", "%-10s %9d bytes  %s", e.MediaType, e.Bytes, e.Name)
	}
	if len(r.Evidence) == 0 && len(a.Evidence) > 0 {
		line("evidence", "%d objects, which are no longer stored", len(a.Evidence))
	}
	if k := r.Ack; k != nil {
		word := "seen"
		if k.Normal {
			word = "normal, " + clipsKept(len(k.Clips))
		}
		line("acknowledged", "%s  %s  %s", k.By, k.At.Local().Format(time.DateTime), word)
	}
	return b.String()
}

// AckLine describes in one line what Acknowledge has stored.
func AckLine(k alerts.Ack) string {
	kept := ""
	switch {
	case k.Normal && len(k.Clips) == 0:
		kept = " as normal; what the model saw of it is not kept, so there is nothing to train on"
	case k.Normal:
		kept = " as normal, " + clipsKept(len(k.Clips))
	}
	return fmt.Sprintf("%s acknowledged by %s%s", k.AlertID, terminal.Printable(k.By), kept)
}

func clipsKept(n int) string {
	if n == 1 {
		return "1 clip stored for training"
	}
	return fmt.Sprintf("%d clips stored for training", n)
}

// WriteMessage writes a message on one line, whatever its original line breaks.
func WriteMessage(w io.Writer, message []byte) error {
	var line bytes.Buffer
	if err := json.Compact(&line, message); err != nil {
		return fmt.Errorf("print alert: %w", err)
	}
	line.WriteByte('\n')
	_, err := w.Write(terminal.EscapeJSON(line.Bytes()))
	return err
}

// WriteJSON writes a value on one line like WriteMessage.
func WriteJSON(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return WriteMessage(w, text)
}

// Notes returns an Observer that describes events as text, and a function that does so for messages that are not
// vigil's.
func Notes(note func(text string)) (o Observer, invalid func(subject string, err error)) {
	o.State = func(state string, err error) { note(terminal.Escape(broker.StateText(state, err))) }
	o.Unreadable = func(numbers store.Ranges) {
		note(fmt.Sprintf("the server cannot read message %v of the stream: skipped", numbers))
	}
	o.Damage = func(d store.Damage) {
		note(fmt.Sprintf("the store was damaged: stream %s: %d missing (%v), damaged files are kept in %s", d.Stream,
			d.Missing.Count(), d.Missing, d.KeptAside))
	}
	return o, func(subject string, err error) {
		note(fmt.Sprintf("a message on %s is skipped: %s", strconv.Quote(subject), terminal.Escape(err.Error())))
	}
}
