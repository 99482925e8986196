package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/model"
	"vigil/pipeline/detect"
	"vigil/video"
)

// fragile returns a model whose values overflow float32 for bright pictures only.
func fragile(t *testing.T) *model.Model {
	t.Helper()
	for exponent := 0.0; exponent < 38; exponent += 0.25 {
		m := scaledBy(t, float32(math.Pow(10, exponent)))
		s := m.NewScorer(1)
		area := video.CuboidFrames * m.Spec().Side * m.Spec().Side
		_, calm := s.Score(slices.Repeat([]float32{calmGrey/127.5 - 1}, area), nil)
		_, bright := s.Score(slices.Repeat([]float32{brightGrey/127.5 - 1}, area), nil)
		s.Close()
		if calm == nil && bright != nil {
			return m
		}
	}
	t.Fatal("no such model")
	return nil
}

// TestClipsThatCannotBeScored checks that a clip that cannot be scored is counted and its camera goes on; many in a row
// are a state, and end an event.
func TestClipsThatCannotBeScored(t *testing.T) {
	m := fragile(t)
	got := play(t, 10, func(c *Camera) { c.Model = m },
		act{lasts: 20 * time.Second, fps: 10, grey: calmGrey},
		act{lasts: 500 * time.Millisecond, fps: 10, grey: brightGrey}, // in a few clips
		act{lasts: 20 * time.Second, fps: 10, grey: calmGrey},
		act{lasts: 20 * time.Second, fps: 10, grey: brightGrey},
		act{lasts: 20 * time.Second, fps: 10, grey: calmGrey})
	if got.states != "connecting live unscorable live stopped" || got.stats.Unscorable < 40 ||
		got.stats.Unscorable > 60 {
		t.Errorf("states %q, %d could not be scored", got.states, got.stats.Unscorable)
	}
	if d := got.detail[alerts.StateUnscorable]; !strings.HasPrefix(d,
		"10 clips in a row could not be scored, the latest: score the clip at frame ") {
		t.Errorf("because %q", d)
	}
	if n := strings.Count(got.log, "a clip could not be scored"); n != 2 {
		t.Errorf("%d clips are logged, want the first and the tenth:\n%s", n, got.log)
	}

	// The same for a recording, which is scored to its end.
	cam := camera(t, "gate", film{greys: scene(60, 30, 60), err: io.EOF})
	cam.Model = m
	var log bytes.Buffer
	stats, err := Run(t.Context(), []Camera{cam}, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprintf("unscorable=%d scored=%d", stats[0].Unscorable, stats[0].Scored)
	if s := stats[0]; s.Unscorable < 15 || s.Scored < 90 || s.State != alerts.StateEnded ||
		!strings.Contains(log.String(), said) {
		t.Errorf("%+v\n%s", s, log.String())
	}
	sums(t, stats[0])
}

// TestEventOfACameraThatCannotBeScored checks that an event that was open when clips could no longer be scored is
// ended.
func TestEventOfACameraThatCannotBeScored(t *testing.T) {
	m := fragile(t)
	var l ledger
	// The error is 0.004 when calm: with a threshold that low it is an event.
	cam := camera(t, "gate", film{greys: scene(60, 60, 0), err: io.EOF})
	cam.Model, cam.Threshold = m, Threshold{Lo: 1e-9, Theta: 1e-8}
	if _, err := Run(t.Context(), []Camera{cam}, Options{Publisher: &l}); err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(l.life(t), " update", ""); got != "start end:unwatched" {
		t.Errorf("said %q", got)
	}
}

// TestEveryFrameAndClipIsCounted checks that every frame and every clip is in exactly one counter, with gaps, failures,
// overload, clips that cannot be scored and a stop.
func TestEveryFrameAndClipIsCounted(t *testing.T) {
	m := fragile(t)
	const lasts = 70 * time.Second
	for _, c := range []struct {
		name   string
		change func(*Camera)
	}{
		{"hop 4", func(*Camera) {}},
		{"no early clips", func(c *Camera) { c.PartialClips = false }},
		{"half the rate, hop 20", func(c *Camera) { c.FPS, c.Hop = 5, 20 }},
		{"hop 1", func(c *Camera) { c.Hop = 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := play(t, 10, func(cam *Camera) {
				cam.Model = m
				cam.Threshold.Calibration = nil
				c.change(cam)
			},
				act{lasts: 10 * time.Second, fps: 10, grey: calmGrey, lose: 21},
				act{lasts: 3 * time.Second, fps: 10, grey: brightGrey, breaks: true},
				act{lasts: 20 * time.Second, fps: 10, grey: calmGrey, lose: 5},
				act{lasts: 10 * time.Second, fps: 10, grey: calmGrey, breaks: true},
				act{lasts: 27 * time.Second, fps: 10, grey: calmGrey, jitter: true})
			s := got.stats
			if s.Frames < uint64(lasts/time.Second)*8 || s.Openings != 3 || s.Missing == 0 || s.Gaps == 0 ||
				s.Lost == 0 || s.Unscorable == 0 || s.Scored == 0 {
				t.Errorf("too little was tried: %+v", s)
			}
			t.Logf("%+v", s)
		})
	}
}

// TestEveryClipIsCountedUnderOverload is the same for a scorer that is too slow, and for a stop while clips are
// pending.
func TestEveryClipIsCountedUnderOverload(t *testing.T) {
	m := fragile(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var cameras []Camera
	for _, name := range []string{"a", "b", "c"} {
		cam := camera(t, name, film{greys: scene(40, 10, 20000), err: io.EOF})
		cam.Model, cam.Lossless, cam.Hop, cam.PartialClips = m, name == "c", 1, true
		cameras = append(cameras, cam)
	}
	clips := 0
	stats, err := Run(ctx, cameras, Options{Threads: 1, OnClip: func(detect.Clip) {
		if clips++; clips == 200 {
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	var skipped, dropped uint64
	for _, s := range stats {
		sums(t, s)
		skipped, dropped = skipped+s.Skipped, dropped+s.Dropped
	}
	if skipped == 0 || dropped == 0 {
		t.Errorf("%d clips were skipped and %d dropped: too little was tried", skipped, dropped)
	}
}
