package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/pipeline/calibrate"
	"vigil/video"
)

// scriptStep is what a camera shows for a time.
type scriptStep struct {
	lasts  time.Duration
	fps    float64
	jitter bool // stamped on arrival, in steps from 0 to 2.3 times the usual one
	width  int  // of the picture; 0 for 32
	grey   byte
	lose   int  // a picture is missing after every lose pictures; 0 for none
	breaks bool // the connection breaks at the end
}

// scriptedCamera is a live camera that runs through its steps, across all of its openings, in synctest's time.
type scriptedCamera struct {
	steps []scriptStep
	side  int

	began time.Time
	rng   *rand.Rand
}

var errBroken = errors.New("connection closed by the camera")

// now returns the step at a time, and the time left before a break.
func (p *scriptedCamera) now(at time.Duration) (a scriptStep, left time.Duration) {
	for _, a := range p.steps {
		if at < a.lasts {
			return a, a.lasts - at
		}
		at -= a.lasts
	}
	a = p.steps[len(p.steps)-1]
	a.breaks = false
	return a, time.Hour
}

func (p *scriptedCamera) open(_ context.Context, o OpenRequest) (PictureSource, error) {
	if p.began.IsZero() {
		p.began, p.rng = time.Now(), rand.New(rand.NewPCG(1, 2))
	}
	return &scriptedSource{scriptedCamera: p, o: o, seq: o.FirstSeq, began: time.Now()}, nil
}

// scriptedSource is one opening of a scriptedCamera.
type scriptedSource struct {
	*scriptedCamera
	o     OpenRequest
	seq   uint64
	shown int
	began time.Time
}

func (p *scriptedSource) Info() video.Info {
	a, _ := p.now(time.Since(p.scriptedCamera.began))
	return video.Info{Width: max(a.width, 32), Height: 32, FPS: a.fps, Live: true}
}

func (p *scriptedSource) Close() error { return nil }

func (p *scriptedSource) Next(ctx context.Context) (video.Picture, error) {
	a, left := p.now(time.Since(p.scriptedCamera.began))
	step := time.Duration(float64(time.Second) / a.fps)
	if a.jitter {
		step = time.Duration(p.rng.Float64() * 2 * float64(step))
	}
	if a.breaks && step >= left {
		time.Sleep(left)
		return video.Picture{}, errBroken
	}
	select {
	case <-ctx.Done():
		return video.Picture{}, ctx.Err()
	case <-time.After(step):
	}
	p.shown++
	pic := video.Picture{
		Seq: p.seq, PTS: time.Since(p.began), Arrival: time.Now(), Generation: p.o.Generation, Width: max(a.width, 32),
		Height: 32, Side: p.side,
		Gray: bytes.Repeat([]byte{a.grey}, p.side*p.side),
	}
	p.seq++
	if a.lose > 0 && p.shown%a.lose == 0 {
		p.seq++
	}
	return pic, nil
}

// scriptResult is the result of all steps.
type scriptResult struct {
	stats  Stats
	states string // in order
	phases string // of the alerts, see recorder.eventPhases
	log    string
	detail map[alerts.State]string // first of each state
	scores []alerts.Score
}

// runScript runs the steps with a calibration for a rate and pictures of 32x32.
func runScript(t *testing.T, fps float64, change func(*Camera), steps ...scriptStep) (out scriptResult) {
	synctest.Test(t, func(t *testing.T) {
		l := &recorder{}
		var log bytes.Buffer
		cam := camera(t, "gate", fakeStream{})
		p := &scriptedCamera{steps: steps, side: cam.Model.Spec().Side}
		cam.Pictures, cam.Live, cam.Lossless, cam.Hop, cam.PartialClips, cam.NoClipsAfter = p.open, true,
			false, 4, true,
			30*time.Second
		cam.Threshold = calibrated(cam, fps)
		if change != nil {
			change(&cam)
		}
		var total time.Duration
		for _, a := range steps {
			total += a.lasts
		}
		ctx, cancel := context.WithTimeout(t.Context(), total)
		defer cancel()
		stats, err := Run(ctx, []Camera{cam},
			Options{Threads: 1, Publisher: l, Log: slog.New(slog.NewTextHandler(&log, nil)), Summary: time.Minute})
		if err != nil {
			t.Error(err)
		}
		out = scriptResult{
			stats: stats[0], phases: strings.ReplaceAll(l.eventPhases(t), " update", ""), log: log.String(),
			detail: map[alerts.State]string{}, scores: l.scores,
		}
		var states []string
		for _, s := range l.states {
			states = append(states, string(s.State))
			if out.detail[s.State] == "" {
				out.detail[s.State] = s.Detail
			}
		}
		out.states = strings.Join(states, " ")
		checkSums(t, out.stats)
	})
	return out
}

// calibrated returns a threshold with a calibration for the camera's pictures of 32x32 at a rate.
func calibrated(c Camera, fps float64) Threshold {
	key := c.CalibrationKey()
	key.Width, key.Height, key.FPS = 32, 32, fps
	return Threshold{Lo: 0.01, Theta: 0.1, Calibration: &calibrate.Calibration{ID: "x", Key: key, Lo: 0.01, Theta: 0.1}}
}

// checkSums checks the sums that Stats documents, after Run has returned.
func checkSums(t *testing.T, s Stats) {
	t.Helper()
	if s.Frames != s.Used+s.Unused+s.Lost || s.Waiting != 0 {
		t.Errorf("%d frames, of which %d used + %d unused + %d lost + %d waiting", s.Frames, s.Used, s.Unused,
			s.Lost, s.Waiting)
	}
	if s.Due != s.Incomplete+s.Scored+s.Skipped+s.Unscorable+s.Dropped || s.Pending != 0 {
		t.Errorf("%d clips due, of which %d incomplete + %d scored + %d skipped + %d unscorable + %d dropped + %d "+
			"pending",
			s.Due, s.Incomplete, s.Scored, s.Skipped, s.Unscorable, s.Dropped, s.Pending)
	}
}

const minute = time.Minute

// TestCalibrationMismatch checks that a camera whose rate or size differs for a time goes on, reports the
// mismatch, and is live again when it fits. Only clips with a fitting calibration raise alerts.
func TestCalibrationMismatch(t *testing.T) {
	for _, c := range []struct {
		name         string
		fps          float64
		steps        []scriptStep
		states, life string
		held         uint64
		detail       map[alerts.State]string
		logs         map[string]int // count of log lines with this text
	}{
		{
			"jitter of arrival",
			10,
			[]scriptStep{
				{lasts: 5 * minute, fps: 10, jitter: true, grey: calmGrey},
				{lasts: 10 * time.Second, fps: 10, jitter: true, grey: brightGrey},
				{lasts: minute, fps: 10, jitter: true, grey: calmGrey},
			},
			"connecting live stopped", "start end:calm", 0, nil,
			map[string]int{"level=WARN": 0},
		},
		{
			"a fifth too fast is a warning",
			10,
			[]scriptStep{
				{lasts: 2 * minute, fps: 12, grey: calmGrey},
				{lasts: 10 * time.Second, fps: 12, grey: brightGrey},
				{lasts: 10 * minute, fps: 12, grey: calmGrey},
			},
			"connecting live stopped", "start end:calm", 0, nil,
			map[string]int{"level=WARN": 1, "fps=12 calibrated_fps=10": 1},
		},
		{
			"another rate at night",
			25,
			[]scriptStep{
				{lasts: 2 * minute, fps: 25, grey: calmGrey, breaks: true},
				{lasts: minute, fps: 12, grey: calmGrey},
				{lasts: 10 * time.Second, fps: 12, grey: brightGrey},
				{lasts: 20 * minute, fps: 12, grey: calmGrey, breaks: true},
				{lasts: minute, fps: 25, grey: calmGrey},
				{lasts: 10 * time.Second, fps: 25, grey: brightGrey},
				{lasts: minute, fps: 25, grey: calmGrey},
			},
			"connecting live failing connecting live rate_mismatch failing connecting rate_mismatch live stopped",
			"start end:calm", 1,
			map[alerts.State]string{alerts.StateRateMismatch: "frame rate is 12, calibrated for 25"},
			map[string]int{"the calibration does not fit": 1, "camera is live again": 1},
		},
		{
			"another rate in mid-stream, in the middle of an event",
			25,
			[]scriptStep{
				{lasts: minute, fps: 25, grey: calmGrey},
				{lasts: 4 * minute, fps: 10, grey: brightGrey},
				{lasts: 3 * minute, fps: 25, grey: calmGrey},
			},
			"connecting live rate_mismatch rate_mismatch rate_mismatch live stopped", "start end:mismatch", 1, nil,
			map[string]int{"the calibration does not fit": 3, "camera is live again": 1},
		},
		{
			"another size at night",
			25,
			[]scriptStep{
				{lasts: minute, fps: 25, grey: calmGrey, breaks: true},
				{lasts: 10 * time.Second, fps: 25, width: 64, grey: calmGrey},
				{lasts: 10 * time.Second, fps: 25, width: 64, grey: brightGrey},
				{lasts: 10 * minute, fps: 25, width: 64, grey: calmGrey, breaks: true},
				{lasts: 10 * time.Second, fps: 25, grey: calmGrey},
				{lasts: 10 * time.Second, fps: 25, grey: brightGrey},
				{lasts: minute, fps: 25, grey: calmGrey},
			},
			"connecting live failing connecting live size_mismatch failing connecting size_mismatch live stopped",
			"start end:calm", 1,
			map[alerts.State]string{alerts.StateSizeMismatch: "picture size is 64x32, calibrated for 32x32"},
			map[string]int{"the calibration does not fit": 1, "camera is live again": 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := runScript(t, c.fps, nil, c.steps...)
			if got.states != c.states || got.phases != c.life || got.stats.Held != c.held {
				t.Errorf("states %q\n want  %q\nphases %q, want %q; held %d, want %d", got.states, c.states, got.phases,
					c.life, got.stats.Held, c.held)
			}
			for state, want := range c.detail {
				if got.detail[state] != want {
					t.Errorf("%s because %q, want %q", state, got.detail[state], want)
				}
			}
			for part, want := range c.logs {
				if n := strings.Count(got.log, part); n != want {
					t.Errorf("%d times %q in the log, want %d", n, part, want)
				}
			}
			if c.held > 0 && !strings.Contains(got.log, "alerts_held=1") {
				t.Error("the summary does not say that an alert was held")
			}
			if t.Failed() {
				t.Log(got.log)
			}
			absent := 0
			for _, s := range got.scores {
				if s.Regularity == nil {
					absent++
				}
			}
			if (absent > 0) != (c.held > 0) || len(got.scores) == absent {
				t.Errorf("%d of %d scores are without a regularity", absent, len(got.scores))
			}
		})
	}
}

// TestConfiguredRate checks that a live camera for which another rate is configured than for its calibration raises no
// alerts before its rate is known, unless it declares one that fits.
func TestConfiguredRate(t *testing.T) {
	for _, c := range []struct {
		name         string
		fps          float64 // of the source
		asked        float64
		rate         *float64 // that the calibration was made with
		states, life string
	}{
		{"as calibrated", 10, 10, new(10.0), "connecting live stopped", "start end:stopped"},
		{"more, and the source has more", 25, 25, new(10.0), "connecting rate_mismatch stopped", ""},
		{"every frame, and the source has more", 25, 0, new(10.0), "connecting rate_mismatch stopped", ""},
		{"more, and the source has no more", 10, 25, new(10.0), "connecting live stopped", "start end:stopped"},
		{"the source has changed", 25, 0, nil, "connecting live rate_mismatch stopped", "start end:mismatch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := runScript(t, 10, func(cam *Camera) {
				cam.FPS, cam.Recalibrate = c.asked, "calibrate it"
				cam.Threshold.Calibration.Rate = c.rate
			}, scriptStep{lasts: minute, fps: c.fps, grey: brightGrey})
			if got.states != c.states || got.phases != c.life {
				t.Errorf("states %q\n want  %q\nphases %q, want %q", got.states, c.states, got.phases, c.life)
			}
			if (c.life == "") != (got.stats.Held > 0) && c.rate != nil {
				t.Errorf("%d alerts were held", got.stats.Held)
			}
			if d, want := got.detail[alerts.StateRateMismatch],
				"frame rate is 25, calibrated for 10; calibrate it"; d != "" &&
				d != want {
				t.Errorf("because %q, want %q", d, want)
			}
		})
	}
}

// TestNoClipsState checks that a camera that delivers pictures but never sixteen in a row is not live, and says why.
func TestNoClipsState(t *testing.T) {
	got := runScript(t, 10, func(c *Camera) { c.PartialClips = false },
		scriptStep{lasts: 10 * time.Second, fps: 10, grey: brightGrey},
		scriptStep{lasts: 3 * minute, fps: 10, grey: brightGrey, lose: 10},
		scriptStep{lasts: 20 * time.Second, fps: 10, grey: calmGrey})
	if got.states != "connecting live no_clips live stopped" || got.phases != "start end:unwatched" {
		t.Errorf("states %q, phases %q", got.states, got.phases)
	}
	if d := got.detail[alerts.StateNoClips]; !strings.HasPrefix(d, "no clip for 30s: 3") || !strings.Contains(d, "3") ||
		!strings.Contains(d, "were missing") {
		t.Errorf("because %q", d)
	}
	if strings.Count(got.log, "camera delivers pictures but is not monitored") != 1 {
		t.Error(got.log)
	}
	// A slow rate is not a fault: at a picture each ten seconds a clip takes its time.
	if got := runScript(t, 0.1, func(c *Camera) { c.PartialClips = false }, scriptStep{
		lasts: 10 * minute, fps: 0.1,
		grey: calmGrey,
	}); got.states != "connecting live stopped" || got.stats.Scored == 0 {
		t.Errorf("a slow camera: states %q, %d clips", got.states, got.stats.Scored)
	}
}

// TestDisarmed checks that a camera outside its armed hours is disarmed, not failing, and is live again when they
// begin.
func TestDisarmed(t *testing.T) {
	var began time.Time
	got := runScript(t, 10, func(c *Camera) {
		began = time.Now()
		c.Armed = func(now time.Time) bool { return now.Sub(began) < time.Minute || now.Sub(began) > 3*time.Minute }
	},
		scriptStep{lasts: 50 * time.Second, fps: 10, grey: calmGrey},
		scriptStep{lasts: 70 * time.Second, fps: 10, grey: brightGrey, breaks: true},
		scriptStep{lasts: 2 * minute, fps: 10, grey: calmGrey})
	if got.states != "connecting live disarmed failing connecting disarmed live stopped" ||
		got.phases != "start end:disarmed" || got.stats.Held != 0 {
		t.Errorf("states %q, phases %q, held %d", got.states, got.phases, got.stats.Held)
	}
	if n := strings.Count(got.log, "camera is disarmed"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, got.log)
	}
}

// TestSuspended checks that a camera whose events are switched off is scored, says why, and ends its event; and that
// this comes before the armed hours.
func TestSuspended(t *testing.T) {
	var began time.Time
	got := runScript(t, 10, func(c *Camera) {
		began = time.Now()
		c.Suspended = func(now time.Time) Suspension {
			switch passed := now.Sub(began); {
			case passed > time.Minute && passed < 2*time.Minute:
				return Suspension{alerts.StateSnoozed, "until noon"}
			case passed > 3*time.Minute && passed < 4*time.Minute:
				return Suspension{alerts.StateDetectionOff, "by somebody"}
			}
			return Suspension{}
		}
		c.Armed = func(now time.Time) bool {
			return now.Sub(began) < 90*time.Second || now.Sub(began) > 150*time.Second
		}
	},
		scriptStep{lasts: 50 * time.Second, fps: 10, grey: calmGrey},
		scriptStep{lasts: 30 * time.Second, fps: 10, grey: brightGrey},
		scriptStep{lasts: 85 * time.Second, fps: 10, grey: calmGrey},
		scriptStep{lasts: 30 * time.Second, fps: 10, grey: brightGrey},
		scriptStep{lasts: time.Minute, fps: 10, grey: calmGrey})
	if got.states != "connecting live snoozed disarmed live detection_off live stopped" ||
		got.phases != "start end:snoozed start end:detection_off" || got.stats.Held != 0 {
		t.Errorf("states %q, phases %q, held %d", got.states, got.phases, got.stats.Held)
	}
	if n := strings.Count(got.log, "no event is opened"); n != 3 {
		t.Errorf("logged %d times:\n%s", n, got.log)
	}
	if scored := got.stats.Scored; scored < got.stats.Due-got.stats.Incomplete-got.stats.Skipped-1 {
		t.Errorf("%d clips of %d were scored", scored, got.stats.Due)
	}
}

func TestRateMeter(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	every := func(step time.Duration) func(int) time.Duration { return func(int) time.Duration { return step } }
	ms := time.Millisecond
	for _, c := range []struct {
		name  string
		step  func(int) time.Duration
		steps int
		even  time.Duration
		rate  float64
		known bool
	}{
		{"too few", every(100 * ms), 14, 0, 0, false},
		{"a recording", every(100 * ms), 15, 0, 10, true},
		{"even, too short", every(100 * ms), 49, evenSpan, 10, false},
		{"even", every(100 * ms), 50, evenSpan, 10, true},
		{
			"every second or third of 25", func(i int) time.Duration { return []time.Duration{80 * ms, 120 * ms}[i%2] },
			50, evenSpan, 10, true,
		},
		{
			"bursts of four", func(i int) time.Duration { return []time.Duration{400 * ms, 0, 0, 0}[i%4] },
			296, evenSpan,
			10, false,
		},
		{
			"bursts for longer", func(i int) time.Duration { return []time.Duration{400 * ms, 0, 0, 0}[i%4] }, 304,
			evenSpan, 10, true,
		},
		{
			"jitter", func(int) time.Duration { return time.Duration(rng.Float64() * 200 * float64(ms)) }, 600,
			evenSpan, 10, true,
		},
		{
			"only the last minute counts",
			func(i int) time.Duration { return []time.Duration{100 * ms, 50 * ms}[i/6000] },
			12000, evenSpan, 20, true,
		},
		{"a picture each ten seconds", every(10 * time.Second), 100, evenSpan, 0.1, true},
		{"times that do not move on", every(0), 1000, 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m rateMeter
			at := time.Duration(0)
			m.add(at)
			for i := range c.steps {
				at += c.step(i)
				m.add(at)
				if i == 7 { // a jump of the clock is not a step
					at += time.Hour
					m.gap()
					m.add(at)
				}
			}
			rate, known := m.rate(c.even)
			if known != c.known || rate < 0.95*c.rate || rate > 1.05*c.rate {
				t.Errorf("%g pictures a second, known %v; want %g, %v", rate, known, c.rate, c.known)
			}
		})
	}
}

// TestRecordingOfAnotherRate checks that a recording that its calibration does not fit is an error, whatever its time
// stamps; one that differs slightly is not.
func TestRecordingOfAnotherRate(t *testing.T) {
	for _, c := range []struct {
		fps  float64
		want string
	}{
		{10, ""},
		{12, ""},
		{13.4, "frame rate is 10, calibrated for 13.4"},
		{7.9, "frame rate is 10, calibrated for 7.9"},
	} {
		cam := camera(t, "gate", fakeStream{greys: scene(60, 0, 0)})
		cam.Open = func(_ context.Context, firstSeq uint64, generation int) (Stream, error) {
			return &fakeStream{greys: scene(60, 0, 0), err: io.EOF, firstSeq: firstSeq, generation: generation}, nil
		}
		key := cam.CalibrationKey()
		key.Width, key.Height, key.FPS = 32, 24, c.fps
		cam.Threshold.Calibration = &calibrate.Calibration{ID: "x", Key: key, Lo: 0.01, Theta: 0.1}
		var log bytes.Buffer
		_, err := Run(t.Context(), []Camera{cam}, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("calibrated for %g: error %v, want %q", c.fps, err, c.want)
		}
		warned := strings.Contains(log.String(), fmt.Sprintf("fps=10 calibrated_fps=%g", c.fps))
		if warned != (c.fps == 12) {
			t.Errorf("calibrated for %g: %s", c.fps, log.String())
		}
	}
}
