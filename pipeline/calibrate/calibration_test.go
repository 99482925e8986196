package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"vigil/geometry"
	"vigil/pipeline/detect"
	"vigil/video"
)

func ramp(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		// Not sorted.
		out[i] = float64((i*37)%n) / float64(n-1)
	}
	return out
}

func fitExample(t *testing.T) Calibration {
	t.Helper()
	c, err := Fit(Calibration{
		Key:        Key{Camera: "gate", Model: "abc", Width: 640, Height: 360, FPS: 25, Hop: 8},
		LoQuantile: 0.05, ThetaQuantile: 0.99, Margin: 0.1,
	}, series(ramp(101)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCalibrate(t *testing.T) {
	c := fitExample(t)
	near := func(got, want float64) bool { return math.Abs(got-want) < 0.011 }
	if !near(c.Lo, 0.05) || !near(c.Theta, 0.99+0.1*0.94) || c.Clips != 101 || c.Min != 0 || c.Max != 1 ||
		c.ID == "" {
		t.Errorf("calibrated to %+v", c)
	}
	if d := c.Warnings(detect.DefaultConfig(), 1); d != nil {
		t.Errorf("no number of alarms is set, and the warnings are %q", d)
	}
	// The margin is a share of the distance from lo: errors that are all 5 higher make lo and theta 5 higher.
	far := ramp(101)
	for i := range far {
		far[i] += 5
	}
	higher, err := Fit(Calibration{Key: c.Key, LoQuantile: 0.05, ThetaQuantile: 0.99, Margin: 0.1}, series(far))
	if err != nil || math.Abs(higher.Lo-c.Lo-5) > 1e-9 || math.Abs(higher.Theta-c.Theta-5) > 1e-9 {
		t.Errorf("lo %g and theta %g, %v; of errors that are 5 lower %g and %g", higher.Lo, higher.Theta, err,
			c.Lo, c.Theta)
	}
}

func TestCalibrateRefuses(t *testing.T) {
	for want, errs := range map[string][]float64{
		"19 clips are too few":             ramp(19),
		"the error of a clip is NaN":       append(ramp(30), math.NaN()),
		"the error of a clip is +Inf":      append(ramp(30), math.Inf(1)),
		"all 30 clips have the same error": make([]float64, 30),
	} {
		if _, err := Fit(Calibration{Key: Key{FPS: 10}, LoQuantile: 0.05, ThetaQuantile: 0.99},
			series(errs)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestCalibrationKeepsReference checks that a calibration has the view of the place, and how large its file is.
func TestCalibrationKeepsReference(t *testing.T) {
	const side = 128
	view := NewViewLearner(side, nil)
	gray := make([]byte, side*side)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 300 {
		for j := range gray {
			gray[j] = byte(128 + 60*math.Sin(float64(j%side)/9)*math.Cos(float64(j/side)/7) + 2*r.NormFloat64())
		}
		p := video.Picture{Gray: gray, Width: 640, Height: 360, Generation: 1}
		if i >= 150 && i < 200 { // of another size, they do not count
			p.Width = 320
			clear(gray)
		}
		view.Add(&p, time.Duration(i)*100*time.Millisecond, i == 100)
	}
	ref, err := view.Reference()
	if err != nil || len(ref.Views) != 1 {
		t.Fatalf("%+v, %v", ref, err)
	}
	// Of 30 s two after the gap and five of another size do not count.
	if s := ref.Learned.Seconds(); s < 20 || s > 24 {
		t.Errorf("learned from %v s, want about 23", s)
	}
	c, err := Fit(Calibration{
		Key: Key{Camera: "gate", Model: "abc", Width: 640, Height: 360, FPS: 25, Hop: 8}, Reference: ref,
		LoQuantile: 0.05, ThetaQuantile: 0.99,
	}, series(ramp(101)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gate.json")
	if err := c.Write(path); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || !reflect.DeepEqual(got, c) || got.Version != 4 {
		t.Errorf("read %+v, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 40<<10 {
		t.Errorf("%d bytes, %v: at most 40 KiB for one view", info.Size(), err)
	}
	if _, err := NewViewLearner(32, nil).Reference(); err == nil || !strings.Contains(err.Error(), "side 32") {
		t.Errorf("pictures of side 32: %v", err)
	}
}

func TestCalibrationRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.json")
	c := fitExample(t)
	if err := c.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("read %+v, %v; wrote %+v", got, err, c)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"changed by hand":                          {`"hop": 8`, `"hop": 4`},
		"it was changed by hand":                   {`"clips": 101`, `"clips": 1010`},
		"not a record":                             {`"hop"`, `"hops"`},
		"format version is 1, must be from 2 to 4": {`"version": 4`, `"version": 1`},
		"a grid of 0 with 0 divisors":              {`"lo_quantile"`, `"places": {}, "lo_quantile"`},
		"must be below theta":                      {`"lo": 0`, `"lo": 9`},
		"not a record that 'vigil calibrat":        {"{", "["},
	} {
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), change[0], change[1], 1)),
			0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), name) ||
			!strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want %q and the file", err, name)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was read")
	}
	if err := c.Write(filepath.Join(t.TempDir(), "no", "such", "folder.json")); err == nil {
		t.Error("written into a folder that is not there")
	}
}

func TestCalibrationCheck(t *testing.T) {
	c := fitExample(t)
	if err := c.Check(c.Key); err != nil {
		t.Fatal(err)
	}
	// A measured rate may differ by a quarter, either way.
	for fps, fits := range map[float64]bool{18.7: false, 18.8: true, 24.6: true, 31.2: true, 31.3: false} {
		k := c.Key
		k.FPS = fps
		if err := c.Check(k); (err == nil) != fits {
			t.Errorf("%g frames a second, calibrated for 25: %v", fps, err)
		}
	}
	for want, change := range map[string]func(*Key){
		"camera is yard, calibrated for gate":                  func(k *Key) { k.Camera = "yard" },
		"model hash is def, calibrated for abc":                func(k *Key) { k.Model = "def" },
		"mask is " + MaskHash(square())[:12] + ", calibrated":  func(k *Key) { k.Mask = MaskHash(square()) },
		"picture size is 1280x720, calibrated for 640x360":     func(k *Key) { k.Width, k.Height = 1280, 720 },
		"picture size is 640x480, calibrated for 640x360":      func(k *Key) { k.Height = 480 },
		"picture size is 480x360, calibrated for 640x360":      func(k *Key) { k.Width = 480 },
		"frame rate is 10, calibrated for 25":                  func(k *Key) { k.FPS = 10 },
		"hop is 4, calibrated for 8; make a new one with 'vig": func(k *Key) { k.Hop = 4 },
	} {
		k := c.Key
		change(&k)
		if err := c.Check(k); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		// The picture size and the rate are unknown until the source is open.
		if k.Width, k.Height, k.FPS = 0, 0, 0; (c.CheckSettings(k) != nil) != (k.Camera != "gate" || k.Model != "abc" ||
			k.Mask != "" || k.Hop != 8) {
			t.Errorf("%s: before the source is open the error is %v", want, c.CheckSettings(k))
		}
	}
}

// TestReadOlderCalibration guards the id, which is a hash of the content: a new field must be omitted from
// the JSON when empty, or existing files would be refused.
func TestReadOlderCalibration(t *testing.T) {
	c, err := Read(filepath.Join("testdata", "calibration-v2.json"))
	if err != nil || c.Key.Camera != "ped2" || c.Clips != 423 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestMaskHashNeverChanges guards the hash of a mask, which calibrations store.
func TestMaskHashNeverChanges(t *testing.T) {
	odd := []geometry.Polygon{
		{{X: 0, Y: 1}, {X: 1e-5, Y: 0.1}, {X: 1. / 3, Y: 0.0001}, {X: math.Copysign(0, -1), Y: 5e-324}},
		{{X: 0.25, Y: 0.125}, {X: 0.5, Y: 1 - 0x1p-53}, {X: 0.7, Y: 0.9}},
	}
	for want, mask := range map[string][]geometry.Polygon{
		"":                                 nil,
		"eec461cb58f6298eec99bd9f5e753cb2": square(),
		"cc64a351e8c66a63609d1d9be2505ffb": odd,
	} {
		got := MaskHash(mask)
		if got = got[:min(32, len(got))]; got != want {
			t.Errorf("the hash of %v begins with %q, want %q", mask, got, want)
		}
		// The text that earlier versions hashed.
		if mask != nil && string(maskText(mask)) != fmt.Sprintf("%v", mask) {
			t.Errorf("the text of %v is %s", mask, maskText(mask))
		}
	}
}

func square() []geometry.Polygon {
	return []geometry.Polygon{{{X: 0.25, Y: 0.25}, {X: 0.5, Y: 0.25}, {X: 0.5, Y: 0.5}, {X: 0.25, Y: 0.5}}}
}
