package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"

	"vigil/alerts"
)

// table is a CSV file that appears whole or not at all.
type table struct {
	path    string
	pending *renameio.PendingFile
	buffer  *bufio.Writer
	rows    *csv.Writer
}

func newTable(path string, header ...string) (*table, error) {
	pending, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	t := &table{path: path, pending: pending, buffer: bufio.NewWriter(pending)}
	t.rows = csv.NewWriter(t.buffer)
	t.row(header...)
	return t, nil
}

// row adds a row; an error shows up in commit.
func (t *table) row(fields ...string) { _ = t.rows.Write(fields) }

func (t *table) commit() error {
	t.rows.Flush()
	err := t.rows.Error()
	if err == nil {
		err = t.buffer.Flush()
	}
	if err == nil {
		err = t.pending.CloseAtomicallyReplace()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", t.path, err)
	}
	return nil
}

// discard leaves nothing behind of a table that was not committed.
func (t *table) discard() { _ = t.pending.Cleanup() }

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
		t.row(video, strconv.FormatUint(c.frame, 10), number(c.err), number(r))
	}
}

var eventHeader = []string{
	"video", "alert_id", "camera", "start_frame", "peak_frame", "end_frame", "start_seconds", "end_seconds",
	"peak_error", "peak_regularity", "threshold", "zones", "end_reason",
}

// eventRow adds an event that has ended.
func eventRow(t *table, video string, a alerts.Alert) {
	t.row(video, a.ID, a.Camera, strconv.FormatUint(a.Start.Frame, 10), strconv.FormatUint(a.Peak.Frame, 10),
		strconv.FormatUint(a.End.Frame, 10), seconds(a.Start.StreamSeconds), seconds(a.End.StreamSeconds),
		number(a.PeakError), number(a.PeakRegularity), number(a.Threshold), strings.Join(a.Zones, " "), string(a.EndReason))
}

func number(v float64) string  { return strconv.FormatFloat(v, 'g', 9, 64) }
func seconds(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }
