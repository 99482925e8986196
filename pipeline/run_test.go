package pipeline

import (
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/geometry"
	"vigil/internal/cameratest"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
	"vigil/video"
)

func TestRunRaisesEvent(t *testing.T) {
	var l recorder
	cam := camera(t, "gate", fakeStream{greys: scene(60, 40, 60), err: io.EOF})
	cam.Zones = []detect.Zone{
		{Name: "left", Area: geometry.Polygon{{X: 0, Y: 0}, {X: 0.4, Y: 0}, {X: 0.4, Y: 1}, {X: 0, Y: 1}}},
		{Name: "right", Area: geometry.Polygon{{X: 0.6, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0.6, Y: 1}}},
	}
	var clips []detect.Clip
	stats, err := Run(t.Context(), []Camera{cam},
		Options{Publisher: &l, OnClip: func(c detect.Clip) { clips = append(clips, c) }})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.eventPhases(t); !strings.HasPrefix(got, "start ") || !strings.HasSuffix(got, " end:calm") ||
		strings.Count(got, "start") != 1 {
		t.Fatalf("phases %q, want one event that ends when it is calm again", got)
	}
	// 160 frames make 145 clips at hop 1, and a recording skips none.
	if s := stats[0]; s.Frames != 160 || s.Clips != 145 || s.Scored != 145 || s.Skipped != 0 || s.Events != 1 ||
		len(clips) != 145 {
		t.Errorf("counted %+v and %d clips", s, len(clips))
	}
	end := l.alerts[len(l.alerts)-1]
	// The mean error of a clip is 0.5 for each bright frame in sixteen; the threshold 0.1 takes four of them.
	if end.Start.Frame != 48 {
		t.Errorf("starts at frame %d, want 48: frames 60 to 63 are the fourth of the clip from 48 on", end.Start.Frame)
	}
	if end.PeakError < 0.49 || end.PeakRegularity != 0 || end.Severity != 1 || end.Threshold != 0.1 {
		t.Errorf("peak %g, regularity %g, severity %g, threshold %g", end.PeakError, end.PeakRegularity, end.Severity,
			end.Threshold)
	}
	if !slices.Equal(end.Zones, []string{"left"}) {
		t.Errorf("zones %v, want left", end.Zones)
	}
	if len(end.Boxes) != 1 || end.Boxes[0] != (geometry.Box{X: 0, Y: 0, W: 0.5, H: 1}) {
		t.Errorf("boxes %+v, want the left half", end.Boxes)
	}
	if len(l.scores) == 0 || l.scores[0].Regularity == nil {
		t.Error("no score with a regularity was published")
	}
}

// TestEventOfModelScoringLastFrames checks that the score of a model that scores a clip's last four frames belongs to
// these, as do the event's start and its peak.
func TestEventOfModelScoringLastFrames(t *testing.T) {
	var l recorder
	cam := camera(t, "gate", fakeStream{greys: scene(60, 40, 60), err: io.EOF})
	cam.Model = cameratest.ZeroModel(t, 4)
	var clips []detect.Clip
	if _, err := Run(t.Context(), []Camera{cam},
		Options{Publisher: &l, OnClip: func(c detect.Clip) { clips = append(clips, c) }}); err != nil {
		t.Fatal(err)
	}
	for _, c := range clips {
		if first := c.First.Frame; c.ScoredFrom.Frame != first+12 || c.ScoredCentre.Frame != first+14 ||
			c.Centre.Frame != first+8 ||
			c.Last.Frame != first+15 {
			t.Fatalf("clip from frame %d: from %d, seen %d, centre %d, last %d", first, c.ScoredFrom.Frame,
				c.ScoredCentre.Frame,
				c.Centre.Frame, c.Last.Frame)
		}
	}
	l.eventPhases(t)
	// One bright frame of four is above the threshold, so the event opens with the clip that ends at frame 60; four are
	// the peak. It ends when 100 and the next three are dark again.
	end := l.alerts[len(l.alerts)-1]
	if end.Start.Frame != 57 || end.Peak.Frame != 62 || end.End.Frame < 102 || end.End.Frame > 103 {
		t.Errorf("from frame %d, peak %d, to %d; want 57, 62 and 102 or 103", end.Start.Frame, end.Peak.Frame,
			end.End.Frame)
	}
}

func TestRunEndsEvents(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(*Camera)
		greys      []byte
	}{
		{"with the recording", "start end:source_ended", func(*Camera) {}, scene(20, 60, 0)},
		{"when disarmed", "start end:disarmed", func(c *Camera) {
			var calls atomic.Int64
			c.Armed = func(time.Time) bool { return calls.Add(1) < 60 }
		}, scene(20, 100, 0)},
		{"not at all without a threshold", "", func(c *Camera) { c.Threshold = Threshold{} }, scene(20, 60, 20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l recorder
			cam := camera(t, "gate", fakeStream{greys: c.greys, err: io.EOF})
			c.change(&cam)
			if _, err := Run(t.Context(), []Camera{cam}, Options{Publisher: &l}); err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(l.eventPhases(t), " update", ""); got != c.want {
				t.Errorf("phases %q, want %q", got, c.want)
			}
		})
	}
}

func TestRunReopensLiveSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		lost := errors.New("connection reset")
		cam := camera(t, "gate", fakeStream{greys: scene(30, 30, 0), err: lost, live: true},
			fakeStream{greys: scene(10, 2000, 0), live: true})
		cam.Live, cam.Lossless = true, false
		var l recorder
		var clips []detect.Clip
		stats, err := Run(ctx, []Camera{cam},
			Options{Publisher: &l, OnClip: func(c detect.Clip) { clips = append(clips, c) }})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(l.eventPhases(t), " update",
			""); got != "start end:source_lost start end:stopped" {
			t.Errorf("phases %q, want an event that ends with the source and one that ends with the program", got)
		}
		if stats[0].Openings != 2 || stats[0].Failures != 1 {
			t.Errorf("counted %+v, want two openings and one failure", stats[0])
		}
		gaps := 0
		for i, c := range clips {
			if c.Last.Frame-c.First.Frame != video.CuboidFrames-1 || c.Last.PTS-c.First.PTS != 1500*time.Millisecond {
				t.Fatalf("clip %d spans a gap: frames %d to %d, %v to %v", i, c.First.Frame, c.Last.Frame, c.First.PTS,
					c.Last.PTS)
			}
			if i > 0 && c.Centre.PTS <= clips[i-1].Centre.PTS {
				t.Fatalf("stream time went from %v to %v", clips[i-1].Centre.PTS, c.Centre.PTS)
			}
			if c.Gap {
				gaps++
				if c.First.Frame != 60 {
					t.Errorf("the clip after the gap starts at frame %d, want 60", c.First.Frame)
				}
			}
		}
		if gaps != 1 {
			t.Errorf("%d clips come right after a gap, want one", gaps)
		}
		var states []string
		for _, s := range l.states {
			states = append(states, string(s.State))
		}
		if got := strings.Join(states, " "); got != "connecting live failing connecting live stopped" {
			t.Errorf("states %q", got)
		}
	})
}

func TestCameraFailuresAreIndependent(t *testing.T) {
	broken := camera(t, "broken", fakeStream{greys: scene(40, 0, 0), err: errors.New("bad sector")})
	unopened := camera(t, "unopened")
	unopened.Open = func(context.Context, uint64, int) (Stream, error) { return nil, errors.New("no such file") }
	short := camera(t, "short", fakeStream{greys: scene(15, 0, 0), err: io.EOF})
	resized := camera(t, "resized", fakeStream{greys: scene(40, 0, 0), err: io.EOF})
	resized.Threshold.Calibration = &calibrate.Calibration{
		ID: "x", Lo: 0.01, Theta: 0.1,
		Key: calibrate.Key{Camera: "resized", Width: 640, Height: 480, FPS: 10, Hop: 1},
	}
	unscorable := camera(t, "unscorable", fakeStream{greys: scene(40, 0, 0), err: io.EOF})
	unscorable.Model = overflowingModel(t)
	good := camera(t, "good", fakeStream{greys: scene(60, 40, 60), err: io.EOF})

	stats, err := Run(t.Context(), []Camera{broken, unopened, short, resized, unscorable, good}, Options{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"camera broken: read: bad sector", "camera unopened: no such file",
		"camera short: too short: 15 frames, a cuboid needs 16",
		"camera resized: calibration x does not fit: picture size is 32x24, calibrated for 640x480",
		"camera unscorable: none of its 25 clips could be scored, the first: score the clip at frame 0",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "camera good") || stats[5].Scored != 145 || stats[5].Events != 1 {
		t.Errorf("the good camera suffered: %+v", stats[5])
	}
}

func TestRunReportsUndeliveredAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		cam := camera(t, "gate", fakeStream{greys: scene(20, 2000, 0), live: true})
		cam.Live = true
		began := time.Now()
		_, err := Run(ctx, []Camera{cam}, Options{Publisher: &recorder{refuse: true}})
		if err == nil || !strings.Contains(err.Error(), "alert messages were not delivered, the first: ") {
			t.Errorf("error %v, want one that names undelivered alerts", err)
		}
		if took := time.Since(began); took > 10*time.Second+thread.DrainTime+time.Second {
			t.Errorf("stopped after %v, want the drain time after the end at most", took)
		}
	})
}

// TestRunWithRestartedClock checks that a recording of a camera whose clock restarts has a gap, and nothing
// is missed after it.
func TestRunWithRestartedClock(t *testing.T) {
	var l recorder
	cam := camera(t, "gate", fakeStream{greys: scene(400, 60, 60), err: io.EOF, restart: 300})
	var clips []detect.Clip
	if _, err := Run(t.Context(), []Camera{cam},
		Options{Publisher: &l, OnClip: func(c detect.Clip) { clips = append(clips, c) }}); err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(l.eventPhases(t), " update", ""); got != "start end:calm" {
		t.Errorf("phases %q, want an event after the clock started again", got)
	}
	gaps := 0
	for i, c := range clips {
		if i > 0 && c.Centre.PTS <= clips[i-1].Centre.PTS {
			t.Fatalf("stream time went from %v to %v", clips[i-1].Centre.PTS, c.Centre.PTS)
		}
		if c.Gap {
			gaps++
		}
		if c.First.Frame < 300 && c.Last.Frame >= 300 {
			t.Errorf("the clip from frame %d spans the restart", c.First.Frame)
		}
	}
	if gaps != 1 {
		t.Errorf("%d gaps, want one", gaps)
	}
}

// TestEndOfSlowlyStoppingCamera checks that a camera that is slow to stop does not cost the end of its event: the
// time for delivery starts when the cameras have stopped.
func TestEndOfSlowlyStoppingCamera(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		cam := camera(t, "gate", fakeStream{greys: scene(20, 2000, 0), live: true, stopDelay: thread.DrainTime +
			time.Second})
		cam.Live = true
		var l recorder
		if _, err := Run(ctx, []Camera{cam}, Options{Publisher: &l}); err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(l.eventPhases(t), " update", ""); got != "start end:stopped" {
			t.Errorf("phases %q", got)
		}
		if last := l.states[len(l.states)-1]; last.State != alerts.StateStopped {
			t.Errorf("the last state is %s, want stopped", last.State)
		}
	})
}

func TestUnscorableLastClip(t *testing.T) {
	for range 20 {
		cam := camera(t, "gate", fakeStream{greys: scene(16, 0, 0), err: io.EOF})
		cam.Model = overflowingModel(t)
		var l recorder
		if _, err := Run(t.Context(), []Camera{cam}, Options{Publisher: &l}); err == nil ||
			!strings.Contains(err.Error(),
				"camera gate: none of its 1 clips could be scored, the first: score the clip at frame 0") {
			t.Fatalf("error %v", err)
		}
		if last := l.states[len(l.states)-1]; last.State != alerts.StateFailed {
			t.Fatalf("the last state is %s, want failed", last.State)
		}
	}
}

func TestScoresDoNotDependOnThreads(t *testing.T) {
	score := func(threads int) (errs []float64) {
		cam := camera(t, "gate", fakeStream{greys: scene(20, 10, 10), err: io.EOF})
		if _, err := Run(t.Context(), []Camera{cam},
			Options{Threads: threads, OnClip: func(c detect.Clip) { errs = append(errs, c.Error) }}); err != nil {
			t.Fatal(err)
		}
		return errs
	}
	if one, three := score(1), score(3); len(one) != 25 || !slices.Equal(one, three) {
		t.Errorf("with one thread %v, with three %v", one, three)
	}
}

// TestSharedModelKeepsCamerasApart compares cameras scored together, one of which fails midway, with each alone.
func TestSharedModelKeepsCamerasApart(t *testing.T) {
	m := cameratest.ZeroModel(t, 0)
	cameras := func() (all []Camera) {
		for i, name := range []string{"a", "b", "c", "d", "e"} {
			f := fakeStream{greys: scene(10+3*i, 5+2*i, 20), err: io.EOF}
			if name == "c" {
				f.greys, f.err = f.greys[:30], errors.New("torn off")
			}
			cam := camera(t, name, f)
			cam.Model = m
			all = append(all, cam)
		}
		return all
	}
	run := func(cameras []Camera) map[string][]detect.Clip {
		clips := map[string][]detect.Clip{}
		_, err := Run(t.Context(), cameras, Options{Threads: 3, OnClip: func(c detect.Clip) {
			c.Map, c.Capture, c.Queue, c.Score = slices.Clone(c.Map), 0, 0, 0
			for _, m := range []*detect.Moment{&c.First, &c.ScoredFrom, &c.Centre, &c.ScoredCentre, &c.Last} {
				m.Wall = time.Time{}
			}
			clips[c.Camera] = append(clips[c.Camera], c)
		}})
		if err != nil && !strings.Contains(err.Error(), "torn off") {
			t.Fatal(err)
		}
		return clips
	}
	together := run(cameras())
	for _, cam := range cameras() {
		if alone := run([]Camera{cam})[cam.Name]; len(alone) < 10 || !reflect.DeepEqual(together[cam.Name], alone) {
			t.Errorf("camera %s: %d clips together, %d alone, or they differ", cam.Name, len(together[cam.Name]),
				len(alone))
		}
	}
}

// TestPartialClipsOfAnotherRate checks that partial clips raise no event if the calibration does not fit, and that the
// first full cuboid gives the error.
func TestPartialClipsOfAnotherRate(t *testing.T) {
	for _, c := range []struct {
		fps   float64
		clips int
		fits  bool
	}{{10, 39, true}, {20, 14, false}} {
		cam := camera(t, "gate", fakeStream{greys: slices.Repeat([]byte{brightGrey}, 40), err: io.EOF})
		cam.PartialClips, cam.Detector.OpenAfter = true, 0
		key := cam.CalibrationKey()
		key.Width, key.Height, key.FPS = 32, 24, c.fps
		cam.Threshold.Calibration = &calibrate.Calibration{Key: key, Lo: 0.01, Theta: 0.1}
		clips, alerted := 0, 0
		_, err := Run(t.Context(), []Camera{cam},
			Options{OnClip: func(detect.Clip) { clips++ }, OnAlert: func(alerts.Alert) { alerted++ }})
		if (err == nil) != c.fits || clips != c.clips || (alerted > 0) != c.fits {
			t.Errorf("calibrated for %v frames a second: %d clips, %d alerts, error %v", c.fps, clips, alerted, err)
		}
	}
}
