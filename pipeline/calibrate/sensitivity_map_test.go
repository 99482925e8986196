package calibrate

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"vigil/pipeline/detect"
)

// picture draws the cells of normal clips: the errors of each cell are uniform up to its level.
func picture(clips int, level func(cell int) float64) []float32 {
	r := rand.New(rand.NewPCG(2, 2))
	cells := make([]float32, clips*cellCount)
	for i := range cells {
		cells[i] = float32(level(i%cellCount) * r.Float64())
	}
	return cells
}

func TestSensitivityMapAttenuatesNoisyCells(t *testing.T) {
	// A tree of eight cells with ten times the error of the rest, and below it a masked row.
	level := func(cell int) float64 {
		switch {
		case cell < 8:
			return 0.1
		case cell < 16:
			return 0
		}
		return 0.01
	}
	p := fitSensitivity(picture(1000, level))
	if p == nil {
		t.Fatal("no cell is noisy")
	}
	for i, d := range p.Divisors {
		if noisy := i < 8; noisy != (d > 4) || d > 6 || !noisy && d != 1 {
			t.Errorf("cell %d is divided by %g", i, d)
		}
	}
	if share, most := p.Coverage(); share != 0.125 || most < 4 || most > 6 {
		t.Errorf("%g of the picture, by %g", share, most)
	}
	// Errors elsewhere count in full, and in the tree they are divided.
	cells := make([]float32, cellCount)
	cells[3], cells[40] = 0.1, 0.03
	if e := p.ClipError(cells); e != float64(float32(0.03)) {
		t.Errorf("the error is %g, want that of the quiet cell", e)
	}
	const side = 32
	errs := make([]float32, side*side)
	errs[0], errs[side*side-1] = 1, 1
	out := p.Apply(errs, side)
	if out[0] != 1/float32(p.Divisors[0]) || out[side*side-1] != 1 || errs[0] != 1 {
		t.Errorf("weighted to %g and %g, the map itself has %g", out[0], out[side*side-1], errs[0])
	}
}

// TestFitAppliesSensitivityMap checks that Fit applies the SensitivityMap to every clip, and that a screen in an empty
// picture is not divided to almost 0.
func TestFitAppliesSensitivityMap(t *testing.T) {
	cells := picture(300, func(cell int) float64 { return map[bool]float64{true: 1, false: 0.01}[cell < 4] })
	var n NormalScores
	for i := range 300 {
		at := detect.Moment{PTS: time.Duration(i) * time.Second}
		own := cells[i*cellCount:][:cellCount]
		n.Add(detect.Clip{First: at, Centre: at, Last: at, Readings: raw(float64(slices.Max(own)), own)})
	}
	c, err := Fit(Calibration{Key: Key{FPS: 10}, LoQuantile: 0.05, ThetaQuantile: 0.995}, &n)
	if err != nil {
		t.Fatal(err)
	}
	if _, most := c.Sensitivity.Coverage(); most != maxDivisor {
		t.Errorf("divided by %g, want %d", most, maxDivisor)
	}
	if c.Max > 1./maxDivisor+1e-9 || c.Theta > 1./maxDivisor+1e-9 {
		t.Errorf("the greatest error is %g and theta %g, where the screen's are divided by %d", c.Max, c.Theta,
			maxDivisor)
	}
	// If most of the picture is masked, the rest determines the usual level.
	masked := picture(300, func(cell int) float64 {
		switch {
		case cell < 4:
			return 0.1
		case cell < 16:
			return 0.01
		}
		return 0
	})
	if p := fitSensitivity(masked); p == nil || p.Divisors[0] < 4 || p.Divisors[4] != 1 {
		t.Errorf("of a picture that is masked but for a quarter: %+v", p)
	}
}

func TestNoSensitivityMapWithoutNoisyCells(t *testing.T) {
	for name, level := range map[string]func(int) float64{
		"even":                          func(int) float64 { return 0.01 },
		"a walkway over a third of it":  func(cell int) float64 { return []float64{0.01, 0.0001, 0.0001}[cell/8%3] },
		"the near errors twice the far": func(cell int) float64 { return 0.01 * (1 + float64(cell)/cellCount) },
		"nothing in it":                 func(int) float64 { return 0 },
		"one cell not twice as strange": func(cell int) float64 {
			return map[bool]float64{
				true:  0.019,
				false: 0.01,
			}[cell == 9]
		},
		"all masked but a quarter, even ": func(cell int) float64 { return map[bool]float64{true: 0.01}[cell < 16] },
	} {
		if p := fitSensitivity(picture(500, level)); p != nil {
			t.Errorf("%s: divided by %g", name, p.Divisors)
		}
	}
	if fitSensitivity(nil) != nil {
		t.Error("no clips have noisy cells")
	}
	var none *SensitivityMap
	if share, most := none.Coverage(); share != 0 || most != 1 || none.check() != nil {
		t.Error("a nil SensitivityMap has an effect")
	}
}

func TestSensitivityMapCheck(t *testing.T) {
	good := fitSensitivity(
		picture(100, func(cell int) float64 { return map[bool]float64{true: 1, false: 0.01}[cell < 4] }))
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for _, d := range [][]float64{nil, good.Divisors[1:], append([]float64{0.5}, good.Divisors[1:]...)} {
		if (&SensitivityMap{Grid: good.Grid, Divisors: d}).check() == nil {
			t.Errorf("accepted %v", d)
		}
	}
}
