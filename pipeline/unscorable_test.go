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

// overflowsWhenBright returns a model whose values overflow float32 for bright pictures only.
func overflowsWhenBright(t *testing.T) *model.Model {
	t.Helper()
	for exponent := 0.0; exponent < 38; exponent += 0.25 {
		m := constantModel(t, float32(math.Pow(10, exponent)))
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

// TestUnscorableClips checks that a clip that cannot be scored is counted and its camera goes on; many in a row
// are a state, and end an event.
func TestUnscorableClips(t *testing.T) {
	m := overflowsWhenBright(t)
	got := runScript(t, 10, func(c *Camera) { c.Model = m },
		scriptStep{lasts: 20 * time.Second, fps: 10, grey: calmGrey},
		scriptStep{lasts: 500 * time.Millisecond, fps: 10, grey: brightGrey}, // in a few clips
		scriptStep{lasts: 20 * time.Second, fps: 10, grey: calmGrey},
		scriptStep{lasts: 20 * time.Second, fps: 10, grey: brightGrey},
		scriptStep{lasts: 20 * time.Second, fps: 10, grey: calmGrey})
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
	cam := camera(t, "gate", fakeStream{greys: scene(60, 30, 60), err: io.EOF})
	cam.Model = m
	var log bytes.Buffer
	stats, err := Run(t.Context(), []Camera{cam}, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	counts := fmt.Sprintf("unscorable=%d scored=%d", stats[0].Unscorable, stats[0].Scored)
	if s := stats[0]; s.Unscorable < 15 || s.Scored < 90 || s.State != alerts.StateEnded ||
		!strings.Contains(log.String(), counts) {
		t.Errorf("%+v\n%s", s, log.String())
	}
	checkSums(t, stats[0])
}

// TestUnscorableClipsEndEvent checks that an event that was open when clips could no longer be scored is
// ended.
func TestUnscorableClipsEndEvent(t *testing.T) {
	m := overflowsWhenBright(t)
	var l recorder
	// The error is 0.004 when calm: with a threshold that low it is an event.
	cam := camera(t, "gate", fakeStream{greys: scene(60, 60, 0), err: io.EOF})
	cam.Model, cam.Threshold = m, Threshold{Lo: 1e-9, Theta: 1e-8}
	if _, err := Run(t.Context(), []Camera{cam}, Options{Publisher: &l}); err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(l.eventPhases(t), " update", ""); got != "start end:unwatched" {
		t.Errorf("phases %q", got)
	}
}

// TestEveryFrameAndClipIsCounted checks that every frame and every clip is in exactly one counter, with gaps, failures,
// overload, clips that cannot be scored and a stop.
func TestEveryFrameAndClipIsCounted(t *testing.T) {
	m := overflowsWhenBright(t)
	const lasts = 70 * time.Second
	for _, c := range []struct {
		name   string
		change func(*Camera)
	}{
		{"hop 4", func(*Camera) {}},
		{"no partial clips", func(c *Camera) { c.PartialClips = false }},
		{"half the rate, hop 20", func(c *Camera) { c.FPS, c.Hop = 5, 20 }},
		{"hop 1", func(c *Camera) { c.Hop = 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := runScript(t, 10, func(cam *Camera) {
				cam.Model = m
				cam.Threshold.Calibration = nil
				c.change(cam)
			},
				scriptStep{lasts: 10 * time.Second, fps: 10, grey: calmGrey, lose: 21},
				scriptStep{lasts: 3 * time.Second, fps: 10, grey: brightGrey, breaks: true},
				scriptStep{lasts: 20 * time.Second, fps: 10, grey: calmGrey, lose: 5},
				scriptStep{lasts: 10 * time.Second, fps: 10, grey: calmGrey, breaks: true},
				scriptStep{lasts: 27 * time.Second, fps: 10, grey: calmGrey, jitter: true})
			s := got.stats
			if s.Frames < uint64(lasts/time.Second)*8 || s.Openings != 3 || s.Missing == 0 || s.Gaps == 0 ||
				s.Lost == 0 || s.Unscorable == 0 || s.Scored == 0 {
				t.Errorf("the test covers too little: %+v", s)
			}
			t.Logf("%+v", s)
		})
	}
}

// TestEveryClipIsCountedUnderOverload is the same for a scorer that is too slow, and for a stop while clips are
// pending.
func TestEveryClipIsCountedUnderOverload(t *testing.T) {
	m := overflowsWhenBright(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var cameras []Camera
	for _, name := range []string{"a", "b", "c"} {
		cam := camera(t, name, fakeStream{greys: scene(40, 10, 20000), err: io.EOF})
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
		checkSums(t, s)
		skipped, dropped = skipped+s.Skipped, dropped+s.Dropped
	}
	if skipped == 0 || dropped == 0 {
		t.Errorf("%d clips were skipped and %d dropped: the test covers too little", skipped, dropped)
	}
}
