package progress

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLines prints a line every five seconds without a terminal.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		b := New(&out, "read", "frames", 200)
		for range 100 {
			time.Sleep(99 * time.Millisecond)
			b.Add()
		}
		b.Clear()
		b.Finish()
		if got := out.String(); got != "read: 50 of 200 frames, 10 frames/s\n" {
			t.Errorf("counted: %q", got)
		}

		out.Reset()
		b = NewSteps(&out, "train")
		time.Sleep(6 * time.Second) // nothing to show yet
		b.Set(7, 0, "loss 1")
		time.Sleep(5 * time.Second)
		b.Set(8, 9, "loss 0.5")
		time.Sleep(5 * time.Second)
		b.Finish()
		if got := out.String(); got != "train: step 7, loss 1\ntrain: step 8 of 9, loss 0.5\n" {
			t.Errorf("steps: %q", got)
		}
	})
}

// Lines that a command prints and those of its bar do not meet.
func TestOtherLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		b := New(&out, "read", "frames", 100)
		for range 100 {
			time.Sleep(lineEvery) // a line of the bar is due, too
			fmt.Fprintln(b, "warning")
		}
		b.Finish()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		for _, line := range lines {
			if line != "warning" && line != "read: 0 of 100 frames, 0 frames/s" {
				t.Errorf("line %q", line)
			}
		}
		if len(lines) < 199 {
			t.Errorf("%d lines", len(lines))
		}
	})
}
