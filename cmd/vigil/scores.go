package main

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
	"vigil/eval"
	"vigil/internal/output"
	"vigil/internal/terminal"
)

// table is a CSV file that appears whole or not at all.
type table struct {
	path   string
	file   *output.File
	buffer *bufio.Writer
	rows   *csv.Writer
}

func newTable(path string, header ...string) (*table, error) {
	file, err := output.Create(path, 0o644)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	t := &table{path: path, file: file, buffer: bufio.NewWriter(file)}
	t.rows = csv.NewWriter(t.buffer)
	t.row(header...)
	return t, nil
}

// row adds a row; an error shows up in commit.
func (t *table) row(fields ...string) { _ = t.rows.Write(fields) }

// commit makes it the file at its path; there may be no table.
func (t *table) commit() error {
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

// discard leaves nothing behind of a table that was not committed.
func (t *table) discard() { _ = t.file.Discard() }

// newEvents is the table of events beside that of scores. The user has not named it: what is there by that name and is
// no such table stays. There is none beside a device or a pipe.
func newEvents(scores string) (*table, error) {
	if output.Through(scores) {
		return nil, nil //nolint:nilnil // A replay without a table of events is one.
	}
	path := filepath.Join(filepath.Dir(scores), eventsFile)
	f, err := os.Open(path)
	if err == nil {
		head, err := bufio.NewReader(f).ReadString('\n')
		if err = errors.Join(err, f.Close()); err != nil || strings.TrimSpace(head) != strings.Join(eventHeader, ",") {
			return nil, fmt.Errorf(
				"%s is there already and vigil did not write it: move it elsewhere, or write the scores to another "+
					"folder", path)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return newTable(path, eventHeader...)
}

// eventsFile is where replay writes the events, beside the scores.
const eventsFile = "events.csv"

// scoredFrame is what a replay keeps of a clip until its video ends.
type scoredFrame struct {
	frame           uint64 // the clip's start + 8
	err, regularity float64
}

// scoreRows adds the clips of one video. Without a calibration the regularity is the paper's, 1 - (e - min)/(max - min)
// over the video (Gong et al., ICCV 2019, section 3.4).
func scoreRows(t *table, video string, clips []scoredFrame) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, c := range clips {
		low, high = min(low, c.err), max(high, c.err)
	}
	for _, c := range clips {
		r := c.regularity
		if math.IsNaN(r) {
			r = 1
			if high > low {
				r = 1 - (c.err-low)/(high-low)
			}
		}
		t.row(textCell(video), strconv.FormatUint(c.frame, 10), number(c.err), number(r))
	}
}

var eventHeader = []string{
	"video", "alert_id", "camera", "start_frame", "peak_frame", "end_frame", "start_seconds", "end_seconds",
	"peak_error", "peak_regularity", "threshold", "zones", "end_reason",
}

// eventRow adds an event that has ended.
func eventRow(t *table, video string, a alerts.Alert) {
	t.row(textCell(video), textCell(a.ID), textCell(a.Camera), strconv.FormatUint(a.Start.Frame, 10),
		strconv.FormatUint(a.Peak.Frame, 10),
		strconv.FormatUint(a.End.Frame, 10), seconds(a.Start.StreamSeconds), seconds(a.End.StreamSeconds),
		number(a.PeakError), number(a.PeakRegularity), number(a.Threshold), textCell(strings.Join(a.Zones, " ")),
		textCell(string(a.EndReason)))
}

// textCell is a text that a spreadsheet does not take for a formula, and a terminal for no order: where it begins as
// one does, a ' is put before it (OWASP, CSV Injection). Evaluations take that off again. Figures stay as they are.
func textCell(s string) string {
	s = strings.ReplaceAll(terminal.EscapeText([]byte(s)), "\n", " ")
	if s != "" && strings.IndexByte(eval.FormulaStarts, s[0]) >= 0 {
		return eval.TextMark + s
	}
	return s
}

func number(v float64) string  { return strconv.FormatFloat(v, 'g', 9, 64) }
func seconds(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }
