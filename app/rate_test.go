package app

import (
	"testing"

	"vigil/config"
	"vigil/model"
	"vigil/pipeline/calibrate"
)

// A rate in the settings wins, then the calibration's. Calibrations and weights that do not say theirs are for every
// frame.
func TestFrameRate(t *testing.T) {
	spec, err := model.FindPreset("micro")
	if err != nil {
		t.Fatal(err)
	}
	load := func(fps string) *model.Model {
		w, err := model.NewWeights(spec)
		if err != nil {
			t.Fatal(err)
		}
		w.Notes = map[string]string{model.NoteFPS: fps}
		m, err := model.New(w)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	rate := func(v float64) *float64 { return &v }
	made := func(rate *float64) *calibrate.Calibration {
		return &calibrate.Calibration{Key: calibrate.Key{Camera: "gate"}, Rate: rate}
	}
	for _, c := range []struct {
		set  *float64
		cal  *calibrate.Calibration
		fps  string
		want float64
	}{
		{nil, nil, "10", 10},
		{nil, nil, "25", 25},
		{nil, nil, "", 0},
		{nil, nil, "often", 0},
		{nil, nil, "-3", 0},
		{nil, &calibrate.Calibration{}, "10", 10},
		{nil, made(nil), "10", 0},
		{nil, made(rate(5)), "10", 5},
		{nil, made(rate(0)), "10", 0},
		{rate(0), made(rate(5)), "10", 0},
		{rate(12), nil, "", 12},
	} {
		if got := FrameRate(config.Settings{FPS: c.set}, c.cal, load(c.fps)); got != c.want {
			t.Errorf("%+v: %g", c, got)
		}
	}
}
