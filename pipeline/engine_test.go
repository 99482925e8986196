package pipeline

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
)

// brightCamera is a live camera that is calm for three seconds and then bright for good.
func brightCamera(t *testing.T, name string) Camera {
	cam := camera(t, name, fakeStream{greys: scene(30, 100000, 0), live: true})
	cam.Live, cam.Lossless = true, false
	return cam
}

// endReasons returns the reasons for which each camera's events ended.
func (l *recorder) endReasons() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	reasons := map[string]string{}
	for _, a := range l.alerts {
		if a.Phase == alerts.PhaseEnd {
			reasons[a.Camera] = strings.TrimSpace(reasons[a.Camera] + " " + string(a.EndReason))
		}
	}
	return reasons
}

func TestEngineAddsAndRemoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l recorder
		e := NewEngine(t.Context(), Options{Threads: 1, Publisher: &l})
		for _, name := range []string{"a", "b"} {
			if err := e.Add(brightCamera(t, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Add(brightCamera(t, "b")); !errors.Is(err, ErrCamera) {
			t.Errorf("a second camera b: %v", err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		got, err := e.Remove("a", alerts.EndPaused)
		if err != nil || got.Events != 1 || got.State != alerts.StatePaused || got.Pending != 0 || got.Waiting != 0 {
			t.Errorf("removed with %+v, %v", got, err)
		}
		checkSums(t, got)
		if _, err := e.Remove("a", alerts.EndPaused); !errors.Is(err, ErrNoCamera) {
			t.Errorf("removed again: %v", err)
		}
		if err := e.Update(brightCamera(t, "a")); !errors.Is(err, ErrNoCamera) {
			t.Errorf("an update of a camera that is gone: %v", err)
		}
		synctest.Wait()
		if n := len(e.batches); n != 1 || len(e.box.slots) != 1 {
			t.Errorf("%d models and %d slots are left, want those of camera b", n, len(e.box.slots))
		}
		if got := l.endReasons()["a"]; got != "paused" {
			t.Errorf("the event of a ended as %q", got)
		}
		// It comes back and goes on from the start.
		if err := e.Add(brightCamera(t, "a")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		stats := e.Stats()
		if len(stats) != 2 || stats[0].Camera != "b" || stats[1].Camera != "a" || stats[1].Events != 1 ||
			stats[0].Frames < 199 {
			t.Errorf("%+v", stats)
		}
		if e.Ended() {
			t.Error("live cameras have ended")
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if err := e.Add(brightCamera(t, "c")); !errors.Is(err, ErrClosed) {
			t.Errorf("a camera after Close: %v", err)
		}
		if got := l.endReasons(); got["a"] != "paused stopped" || got["b"] != "stopped" {
			t.Errorf("ends %v", got)
		}
		l.eventPhases(t)
	})
}

// TestUpdate checks what a change between two clips does to an open event.
func TestUpdate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Camera)
		want   string // reasons for which its events have ended before the stop
		open   bool   // an event is open then
	}{
		{"nothing", func(*Camera) {}, "", true},
		{"zones", func(c *Camera) { c.Zones = []detect.Zone{{Name: "all"}} }, "", true},
		{"armed", func(c *Camera) { c.Armed = func(time.Time) bool { return false } }, "disarmed", false},
		{"a threshold that it exceeds", func(c *Camera) { c.Threshold.Theta = 0.2 }, "reconfigured", true},
		{"a threshold that it does not exceed", func(c *Camera) { c.Threshold.Theta = 10 }, "reconfigured", false},
		{"no threshold", func(c *Camera) { c.Threshold = Threshold{} }, "reconfigured", false},
		{"detector", func(c *Camera) { c.Detector.CloseAfter = time.Minute }, "reconfigured", true},
		{"calibration that does not fit", func(c *Camera) {
			c.Threshold.Calibration = &calibrate.Calibration{
				Lo: 0.01, Theta: 0.1, Key: calibrate.Key{Camera: "gate", Width: 640, Height: 480, FPS: 10, Hop: 1},
			}
		}, "reconfigured", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l recorder
				e := NewEngine(t.Context(), Options{Threads: 1, Publisher: &l})
				cam := brightCamera(t, "gate")
				if err := e.Add(cam); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				c.change(&cam)
				if err := e.Update(cam); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if got := l.endReasons()["gate"]; got != c.want {
					t.Errorf("ended as %q, want %q", got, c.want)
				}
				stats := e.Stats()[0]
				if stats.Skipped+stats.Dropped+stats.Gaps+stats.Missing != 0 || stats.Openings != 1 ||
					stats.Frames < 199 {
					t.Errorf("%+v", stats)
				}
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				if got := strings.HasSuffix(l.endReasons()["gate"], "stopped"); got != c.open {
					t.Errorf("an event was open: %v, want %v", got, c.open)
				}
				l.eventPhases(t)
			})
		})
	}
}

// TestUpdateOfBlockedCamera checks that an update does not wait for a source that delivers nothing, nor for one that
// has ended.
func TestUpdateOfBlockedCamera(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l recorder
		ended := make(chan string, 1)
		e := NewEngine(t.Context(), Options{Threads: 1, Publisher: &l, OnEnded: func(name string) { ended <- name }})
		recording := camera(t, "film", fakeStream{greys: scene(60, 40, 60), err: io.EOF})
		lost := camera(t, "gate", fakeStream{err: io.ErrUnexpectedEOF})
		lost.Live, lost.RetryMin, lost.RetryMax = true, time.Hour, time.Hour
		for _, c := range []Camera{recording, lost} {
			if err := e.Add(c); err != nil {
				t.Fatal(err)
			}
		}
		if name := <-ended; name != "film" || e.Ended() {
			t.Errorf("%s has ended, all: %v", name, e.Ended())
		}
		for _, c := range []Camera{recording, lost} {
			c.Threshold.Theta = 0.3
			if err := e.Update(c); err != nil {
				t.Error(err)
			}
		}
		if _, err := e.Remove("gate", alerts.EndReconfigured); err != nil {
			t.Error(err)
		}
		if !e.Ended() {
			t.Error("the recording is all there is, and has ended")
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if got := l.endReasons()["film"]; got != "calm" {
			t.Errorf("ended as %q", got)
		}
	})
}

// TestUncalibrated checks that a camera whose calibration was made for other settings is scored, that its alerts are
// held and counted, and that its state says why, until it has one that fits.
func TestUncalibrated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l recorder
		e := NewEngine(t.Context(), Options{Threads: 1, Publisher: &l})
		cam := brightCamera(t, "gate")
		cam.Threshold = calibrated(cam, 10)
		cam.Threshold.Calibration.Key.Width, cam.Threshold.Calibration.Key.Height = 32, 24
		cam.Uncalibrated = "the mask has changed"
		if err := e.Add(cam); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if s := e.Stats()[0]; s.State != alerts.StateUncalibrated || s.Held != 1 || s.Events != 0 || s.Scored < 80 {
			t.Errorf("%+v", s)
		}
		cam.Uncalibrated = ""
		if err := e.Update(cam); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if s := e.Stats()[0]; s.State != alerts.StateLive || s.Events != 1 || s.Openings != 1 {
			t.Errorf("%+v", s)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, s := range l.states {
			if s.State == alerts.StateUncalibrated && (s.Detail != "the mask has changed" || s.Code == "") {
				t.Errorf("%+v", s)
			}
		}
	})
}
