// Package alerttest provides helpers for tests of alerts: messages of an event, a log that can be read while it is
// written, and a wait for a condition.
package alerttest

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
)

// Event returns a message of an anomaly that begins now.
func Event(camera, id string, seq int, phase alerts.Phase) alerts.Alert {
	at := alerts.Moment{Wall: time.Now().UTC(), StreamSeconds: 1, Frame: 25}
	a := alerts.Alert{
		ID: id, Seq: seq, Phase: phase, Kind: alerts.KindAnomaly, Camera: camera, Start: at, Peak: at,
		Measurement: &alerts.Measurement{
			Error: 0.05, Regularity: 0.3, PeakError: 0.05, PeakRegularity: 0.3, Lo: 0.01, Threshold: 0.04,
			Severity: 0.7,
		},
		Model: alerts.Model{Name: "small", Hash: "ab"}, Source: alerts.Source{Width: 640, Height: 480},
	}
	if phase == alerts.PhaseEnd {
		a.End, a.EndReason = &at, alerts.EndCalm
	}
	return a
}

// Phases are those of the shortest event that has all of them.
var Phases = []alerts.Phase{alerts.PhaseStart, alerts.PhaseUpdate, alerts.PhaseEnd}

// Log is a log that goroutines write while a test reads it. The zero value is ready.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends p to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns everything written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Count returns how often a text was written.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }

// LongWait bounds every wait in tests; passing tests take far less. Evidence has two minutes for a clip.
const LongWait = 2 * time.Minute

// Within returns a context that ends after LongWait.
func Within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), LongWait)
	t.Cleanup(cancel)
	return ctx
}

// Eventually waits until a condition holds, and fails the test if ctx ends first.
func Eventually(ctx context.Context, t testing.TB, what string, holds func() bool) {
	t.Helper()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("not in time: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
