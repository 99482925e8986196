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
		name      string
		told      bool
		takes     time.Duration
		abandoned bool
	}{
		{"in time", true, StopLimit - time.Millisecond, false},
		{"too late", true, StopLimit + time.Millisecond, true},
		{"never told", false, time.Hour, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				abandoned := false
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				over := ExitAfter(ctx, func() { abandoned = true })
				time.Sleep(time.Hour)
				if tt.told {
					stop()
				}
				time.Sleep(tt.takes)
				over()
				time.Sleep(time.Hour)
				synctest.Wait()
				if abandoned != tt.abandoned {
					t.Errorf("abandoned: %v", abandoned)
				}
			})
		})
	}
}
