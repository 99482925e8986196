package pipeline

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
)

// While a camera is watched its threshold is adapted, by clips outside of events and of time that is not watched.
func TestThresholdIsAdapted(t *testing.T) {
	const step = 500 * time.Millisecond
	r := rand.New(rand.NewPCG(1, 1))
	clip := func(i int) detect.Clip {
		at := detect.Moment{PTS: time.Duration(i) * step}
		c := detect.Clip{First: at, Centre: at, Last: detect.Moment{PTS: at.PTS + step}}
		e := 1 + r.ExpFloat64()
		c.Readings[0] = detect.Reading{Measure: detect.Appearance, Error: e, Raw: e}
		return c
	}
	var normal calibrate.NormalScores
	for i := range 1200 {
		normal.Add(clip(i))
	}
	cfg := detect.DefaultConfig()
	cal, err := calibrate.Fit(calibrate.Calibration{
		Key: calibrate.Key{Camera: "gate", FPS: 10}, ScoreForm: "block_sq", LoQuantile: 0.05, AlarmsPerDay: 1,
		Detector: cfg.Record(),
	}, &normal)
	if err != nil {
		t.Fatal(err)
	}
	var adapted []*calibrate.Adapted
	cam := Camera{
		Threshold: Threshold{Lo: cal.Lo, Theta: cal.Theta, Calibration: &cal}, Detector: cfg,
		Adaptive:  calibrate.NewAdaptive(&cal, cfg, nil),
		OnAdapted: func(a *calibrate.Adapted) { adapted = append(adapted, a) },
	}
	c := &cameraState{reader: &reader{}, camera: cam, detector: detect.NewDetector(cfg), scales: cam.Threshold.Scales()}
	const hours, event, unwatched = 2, 40, 120 // clips of an event, and that are not watched, every ten minutes
	events := 0
	for i := range hours * 7200 {
		clip := clip(i)
		if in := i % 1200; in >= 600 && in < 600+event {
			clip.Readings[0].Error = 100
		} else if in >= 300 && in < 300+unwatched {
			c.adaptGap()
			continue
		}
		clip.ApplyScales(c.scales)
		change, ep := c.detector.Push(clip)
		if change == detect.Started {
			events++
		}
		c.adapt(&clip, change, ep)
	}
	if events != hours*6 || len(adapted) < 8 || len(adapted) > 10 {
		t.Fatalf("%d events, adapted %d times", events, len(adapted))
	}
	last := adapted[len(adapted)-1]
	watched := float64(hours*6*(1200-event-unwatched)) * step.Seconds()
	if last.Seconds > watched || last.Seconds < watched-600-hours*6*10 || last.AlarmsExpected >= cal.AlarmsExpected {
		t.Errorf("it rests on %g s for %g alarms a day, want up to %g s for fewer than %g", last.Seconds,
			last.AlarmsExpected, watched, cal.AlarmsExpected)
	}
	if theta := c.scales[0].Theta; theta != last.Measures[0].Theta || theta == cal.Theta ||
		math.Abs(math.Log((theta-cal.Lo)/(cal.Theta-cal.Lo))) > math.Log(1.5)*hours/24 {
		t.Errorf("theta is %g, adapted to %g; the calibration's is %g", theta, last.Measures[0].Theta, cal.Theta)
	}
}
