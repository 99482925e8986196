package progress

import (
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
