package pipeline

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/video"
)

// TestBackoff checks that the delay before a source is reopened doubles between its bounds, with jitter, and restarts
// after a stable minute.
func TestBackoff(t *testing.T) {
	b := NewBackoff(time.Second, time.Minute)
	differ := false
	for i, full := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		full *= time.Second
		got := b.NextAfter(time.Minute - time.Millisecond)
		if got < full/2 || got > full {
			t.Errorf("pause %d is %v, want from %v to %v", i, got, full/2, full)
		}
		differ = differ || got != full && got != full/2
	}
	if !differ {
		t.Error("there is no jitter")
	}
	if got := b.NextAfter(time.Minute); got > time.Second {
		t.Errorf("after a minute of pictures the delay is %v", got)
	}
	if got := b.NextAfter(0); got < time.Second || got > 2*time.Second {
		t.Errorf("and the next is %v", got)
	}
}

// repeatingSource is a camera that shows one picture a second, repeated unless changed.
type repeatingSource struct {
	o       OpenRequest
	side    int
	shown   uint64
	changes func() bool
}

func (s *repeatingSource) Info() video.Info {
	return video.Info{Width: 32, Height: 32, FPS: 1, Live: true}
}
func (s *repeatingSource) Close() error { return nil }

func (s *repeatingSource) Next(ctx context.Context) (video.Picture, error) {
	select {
	case <-ctx.Done():
		return video.Picture{}, ctx.Err()
	case <-time.After(time.Second):
	}
	p := video.Picture{
		Seq: s.o.FirstSeq + s.shown, PTS: time.Duration(s.shown) * time.Second, Arrival: time.Now(),
		Generation: s.o.Generation,
		Width:      32, Height: 32, Side: s.side, Same: s.shown > 0 && !s.changes(), Gray: make([]byte, s.side*s.side),
	}
	s.shown++
	return p, nil
}

// TestFrozen checks that a picture that repeats for long enough is reported as frozen; the camera is reopened for it at
// most once an hour, and is live again with the first different picture.
func TestFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &recorder{}
		cam := camera(t, "yard", fakeStream{})
		began := time.Now()
		var openings []time.Duration
		moves := func() bool {
			at := time.Since(began)
			return at < 10*time.Minute || at > 150*time.Minute
		}
		cam.Live, cam.Lossless, cam.Hop, cam.FrozenAfter = true, false, 160, time.Minute
		cam.Pictures = func(_ context.Context, o OpenRequest) (PictureSource, error) {
			openings = append(openings, time.Since(began).Round(time.Minute))
			if want := float64(min(o.Generation-1, 1)); o.FPSHint != want {
				t.Errorf("opening %d got a rate of %g, want %g", o.Generation, o.FPSHint, want)
			}
			return &repeatingSource{o: o, side: cam.Model.Spec().Side, changes: moves}, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		if _, err := Run(ctx, []Camera{cam}, Options{Threads: 1, Publisher: l}); err != nil {
			t.Fatal(err)
		}
		// Frozen and reopened after 11 minutes; again one hour and two hours later.
		if got, want := fmt.Sprint(openings), "[0s 11m0s 1h11m0s 2h11m0s]"; got != want {
			t.Errorf("opened at %s, want %s", got, want)
		}
		var states []string
		for _, s := range l.states {
			states = append(states, string(s.State))
			if s.State == alerts.StateFrozen && !strings.Contains(s.Detail, "the same picture for 1m") {
				t.Errorf("frozen, for %s", s.Detail)
			}
		}
		if got, want := strings.Join(states, " "),
			"connecting live frozen failing connecting live frozen failing connecting live frozen failing connecting "+
				"live frozen live stopped"; got != want {
			t.Errorf("states %s, want %s", got, want)
		}
	})
}
