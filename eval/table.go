package eval

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"vigil/alerts"
	"vigil/internal/output"
	"vigil/internal/terminal"
	"vigil/pipeline/detect"
)

// Table is a CSV file that appears whole or not at all.
type Table struct {
	path   string
	file   *output.File
	buffer *bufio.Writer
	rows   *csv.Writer
}

func newTable(path string, header ...string) (*Table, error) {
	file, err := output.Create(path, 0o644)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	t := &Table{path: path, file: file, buffer: bufio.NewWriter(file)}
	t.rows = csv.NewWriter(t.buffer)
	t.row(header...)
	return t, nil
}

// row adds a row; Commit returns its error.
func (t *Table) row(fields ...string) { _ = t.rows.Write(fields) }

// Commit makes it the file at its path. A nil Table does nothing.
func (t *Table) Commit() error {
	if t == nil {
		return nil
	}
	t.rows.Flush()
	err := t.rows.Error()
	if err == nil {
		err = t.buffer.Flush()
	}
	if err == nil {
		err = t.file.Commit()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", t.path, err)
	}
	return nil
}

// Discard removes what was written, unless it was committed. A nil Table does nothing.
func (t *Table) Discard() {
	if t != nil {
		_ = t.file.Discard()
	}
}

// ScoreColumns are the columns of a table of scores, as ReadScores reads them.
var ScoreColumns = strings.Split(replayHeader, ",")

// CreateScores creates a table of scores.
func CreateScores(path string) (*Table, error) { return newTable(path, ScoreColumns...) }

// ScoredFrame is a row of a table of scores.
type ScoredFrame struct {
	Frame             uint64 // the clip's start + 8
	Error, Regularity float64
	Motion            float64 // NaN where the clip has no such reading
	Appearance        float64
	Cause             detect.Measure
	Untrusted         bool // the camera could not be trusted: the row has no numbers
}

// RowOf returns the row of a clip. While the camera cannot be trusted, it has a frame alone.
func RowOf(c detect.Clip) ScoredFrame {
	row := ScoredFrame{
		Frame: c.Centre.Frame, Error: c.Error, Regularity: c.Regularity, Cause: c.Cause,
		Motion: math.NaN(), Appearance: math.NaN(),
	}
	if c.Untrusted != "" {
		row.Error, row.Untrusted = math.NaN(), true
		return row
	}
	if r, ok := c.Read(detect.Motion); ok {
		row.Motion = r.Error
	}
	if r, ok := c.Read(detect.Appearance); ok {
		row.Appearance = r.Error
	}
	return row
}

// AddScores adds the clips of one video. Where the regularity is NaN, without a calibration, it is the paper's,
// 1 - (e - min)/(max - min) over the video (Gong et al., ICCV 2019, section 3.4).
func (t *Table) AddScores(video string, clips []ScoredFrame) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, c := range clips {
		if !c.Untrusted {
			low, high = min(low, c.Error), max(high, c.Error)
		}
	}
	for _, c := range clips {
		r := c.Regularity
		if math.IsNaN(r) && !c.Untrusted {
			r = 1
			if high > low {
				r = 1 - (c.Error-low)/(high-low)
			}
		}
		t.row(textCell(video), strconv.FormatUint(c.Frame, 10), optional(c.Error), optional(r),
			optional(c.Motion), optional(c.Appearance), string(c.Cause))
	}
}

// EventsFile is the name of the table of events, which replay writes beside that of scores.
const EventsFile = "events.csv"

// EventColumns are the columns of the table of events.
var EventColumns = []string{
	"video", "alert_id", "camera", "start_frame", "peak_frame", "end_frame", "start_seconds", "end_seconds",
	"peak_error", "peak_regularity", "threshold", "zones", "end_reason", "kind", "reason",
}

// anomalyColumns is how many of EventColumns earlier versions wrote.
const anomalyColumns = 13

// CreateEvents creates the table of events beside that of scores; nil beside a device or a pipe. The user did not name
// that file, so one that is not such a table is not replaced.
func CreateEvents(scores string) (*Table, error) {
	if output.Through(scores) {
		return nil, nil //nolint:nilnil // A replay without a table of events is one.
	}
	path := filepath.Join(filepath.Dir(scores), EventsFile)
	f, err := os.Open(path)
	if err == nil {
		head, err := bufio.NewReader(f).ReadString('\n')
		head = strings.TrimSpace(head)
		if err = errors.Join(err, f.Close()); err != nil || head != strings.Join(EventColumns, ",") &&
			head != strings.Join(EventColumns[:anomalyColumns], ",") {
			return nil, fmt.Errorf(
				"%s exists already and vigil did not write it: move it elsewhere, or write the scores to another "+
					"folder", path)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return newTable(path, EventColumns...)
}

// AddEvent adds an event that has ended.
func (t *Table) AddEvent(video string, a alerts.Alert) {
	var measured [3]string
	if m := a.Measurement; m != nil {
		measured = [3]string{number(m.PeakError), number(m.PeakRegularity), number(m.Threshold)}
	}
	t.row(textCell(video), textCell(a.ID), textCell(a.Camera), strconv.FormatUint(a.Start.Frame, 10),
		strconv.FormatUint(a.Peak.Frame, 10),
		strconv.FormatUint(a.End.Frame, 10), seconds(a.Start.StreamSeconds), seconds(a.End.StreamSeconds),
		measured[0], measured[1], measured[2], textCell(strings.Join(a.Zones, " ")),
		textCell(string(a.EndReason)), textCell(string(a.Kind)), textCell(a.Reason))
}

// textCell is a text that neither a spreadsheet takes for a formula nor a terminal for a control sequence: where it
// begins like a formula, the textMark is put before it (OWASP, CSV Injection), which stripTextMark removes.
func textCell(s string) string {
	s = strings.ReplaceAll(terminal.EscapeText([]byte(s)), "\n", " ")
	if s != "" && strings.IndexByte(formulaStarts, s[0]) >= 0 {
		return textMark + s
	}
	return s
}

// optional is empty for NaN.
func optional(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return number(v)
}

func number(v float64) string  { return strconv.FormatFloat(v, 'g', 9, 64) }
func seconds(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }
