package pipeline

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
)

// TestCalibrationOverAnOutage has a camera that fails, returns with garbage, fails, and recovers: the threshold must
// not be higher than without that.
func TestCalibrationOverAnOutage(t *testing.T) {
	calm := make([]byte, 200)
	for i := range calm {
		calm[i] = calmGrey + byte(i*7919%13)
	}
	lost := errors.New("connection reset")
	calibrated := func(films ...fakeStream) calibrate.Calibration {
		var c calibrate.Calibration
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cam := camera(t, "gate", films...)
			cam.Live = true
			cam.Threshold = Threshold{}
			var n calibrate.NormalScores
			var settling calibrate.NormalFilter
			if _, err := Run(ctx, []Camera{cam}, Options{OnClip: func(c detect.Clip) {
				if settling.Accept(&c) {
					n.Add(c)
				}
			}}); err != nil {
				t.Fatal(err)
			}
			var err error
			if c, err = calibrate.Fit(calibrate.Calibration{
				Key: calibrate.Key{Camera: "gate", FPS: 10, Hop: 1}, LoQuantile: 0.05, ThetaQuantile: 0.995,
				Margin:   0.1,
				Excluded: settling.Excluded(),
			}, &n); err != nil {
				t.Fatal(err)
			}
		})
		return c
	}
	still := fakeStream{greys: calm, err: lost, live: true}
	rubbish := fakeStream{greys: scene(0, 80, 0), err: lost, live: true}
	with, without := calibrated(still, rubbish, still), calibrated(still)
	if with.Theta > 1.1*without.Theta || with.Max > without.Max {
		t.Errorf("theta %g and errors up to %g, without an outage %g and %g", with.Theta, with.Max, without.Theta,
			without.Max)
	}
	if l := with.Excluded; l.Openings < 2 || l.AfterOpenings < 65 || l.AfterOpenings > with.Clips {
		t.Errorf("left out %+v of %d clips", l, with.Clips)
	}
}
