package app

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A program that has not ended ten seconds after a stop is ended by force; one that has ended, or was not stopped,
// is not.
func TestExitAfter(t *testing.T) {
	for _, tt := range []struct {
		name    string
		stopped bool
		takes   time.Duration
		forced  bool
	}{
		{"in time", true, StopLimit - time.Millisecond, false},
		{"too late", true, StopLimit + time.Millisecond, true},
		{"not stopped", false, time.Hour, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				forced := false
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				over := ExitAfter(ctx, func() { forced = true })
				time.Sleep(time.Hour)
				if tt.stopped {
					stop()
				}
				time.Sleep(tt.takes)
				over()
				time.Sleep(time.Hour)
				synctest.Wait()
				if forced != tt.forced {
					t.Errorf("forced: %v", forced)
				}
			})
		})
	}
}
