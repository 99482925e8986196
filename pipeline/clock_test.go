package pipeline

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/pipeline/detect"
)

// TestClockJumps sets the system clock while a camera is read, by an hour forward and then back. Arrivals without a
// monotonic reading are the worst case. A jump forward counts as a gap; neither jump makes a clip across it, an event
// without an end, or a wrong delay.
func TestClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &recorder{}
				var clips []detect.Clip
				cam := camera(t, "yard",
					fakeStream{greys: scene(40, 40, 40), err: errors.New("gone"), live: true, jump: jump, jumpAt: 60},
					fakeStream{greys: scene(2000, 0, 0), live: true})
				cam.Live, cam.Lossless = true, false
				cam.RetryMin, cam.RetryMax = time.Second, time.Second
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				began := time.Now()
				stats, err := Run(ctx, []Camera{cam}, Options{Threads: 1, Publisher: l, OnClip: func(c detect.Clip) {
					c.Map = nil
					clips = append(clips, c)
				}})
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > 31*time.Second {
					t.Errorf("took %v", took)
				}
				if stats[0].Openings < 2 {
					t.Errorf("%d openings", stats[0].Openings)
				}
				for _, c := range clips {
					if jump > 0 && c.First.Frame < 60 && c.Last.Frame >= 60 {
						t.Errorf("a clip from frame %d to %d spans the jump", c.First.Frame, c.Last.Frame)
					}
				}
				last := time.Duration(-1)
				for _, c := range clips {
					if c.First.PTS < last {
						t.Errorf("stream time goes back: %v after %v", c.First.PTS, last)
					}
					last = c.First.PTS
				}
				open := 0
				for _, a := range l.alerts {
					switch a.Phase {
					case alerts.PhaseStart:
						open++
					case alerts.PhaseEnd:
						open--
					}
				}
				if open != 0 || len(l.alerts) == 0 {
					t.Errorf("%d messages, %d events without an end", len(l.alerts), open)
				}
			})
		})
	}
}
