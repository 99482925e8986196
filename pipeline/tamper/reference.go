package tamper

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"time"
)

// Version is the version of Reference's form.
const Version = 1

// MaxViews is the number of views that a reference may have.
const MaxViews = 4

// Reference is what a Learner knows of a place. It is plain data for JSON.
type Reference struct {
	Version int    `json:"version"`
	Side    int    `json:"side"` // of the pictures, in pixels
	Views   []View `json:"views"`
	// Noise is the mean difference of two pictures 200 ms apart in each cell, where nothing moves, in grey levels.
	Noise []float32 `json:"noise"`
	// Silent is the longest time without even that noise, Unmoved the longest without motion.
	Silent  time.Duration `json:"silent_ns"`
	Unmoved time.Duration `json:"unmoved_ns"`
	// Learned is how much stream time the reference rests on.
	Learned time.Duration `json:"learned_ns"`
}

// View is one look of the place, such as by day or by the infrared lamp at night.
type View struct {
	Picture []byte `json:"picture"` // [Side][Side], the median of the pictures: a grey PNG
	// Correlation and Edges are a normal second's usual likeness to Picture in each cell, [8][8], 0 to 1.
	Correlation []float32 `json:"correlation"`
	Edges       []float32 `json:"edges"`
	// Fine is the usual share of Picture's finest structure that a picture has, about 1.
	Fine float64 `json:"fine"`
	// Shift is the farthest that a normal second lay beside Picture, as a fraction of the side.
	Shift float64 `json:"shift"`
	// Saturated is the usual share of white pixels.
	Saturated float64 `json:"saturated"`
}

// The least and largest side of a picture that can be checked.
const (
	MinSide = 64
	MaxSide = 256
)

// Check returns an error for a reference that no Learner made.
func (r *Reference) Check() error {
	switch {
	case r.Version != Version:
		return fmt.Errorf("reference of version %d: this program reads version %d", r.Version, Version)
	case len(r.Views) < 1 || len(r.Views) > MaxViews:
		return fmt.Errorf("reference with %d views: must be from 1 to %d", len(r.Views), MaxViews)
	case r.Silent < 0 || r.Unmoved < 0 || r.Learned < 0:
		return fmt.Errorf("reference with a negative time: silent %v, unmoved %v, learned %v", r.Silent, r.Unmoved,
			r.Learned)
	}
	if err := CheckSide(r.Side); err != nil {
		return err
	}
	if err := checkNumbers("noise", r.Noise, 255); err != nil {
		return err
	}
	for i := range r.Views {
		if err := r.Views[i].check(r.Side); err != nil {
			return fmt.Errorf("view %d: %w", i, err)
		}
	}
	return nil
}

// CheckSide returns an error for pictures that are too small or too large to be checked.
func CheckSide(side int) error {
	if side < MinSide || side > MaxSide {
		return fmt.Errorf("pictures of side %d: must be from %d to %d", side, MinSide, MaxSide)
	}
	return nil
}

func (v *View) check(side int) error {
	if _, err := decodePNG(v.Picture, side); err != nil {
		return err
	}
	for name, x := range map[string]float64{"fine": v.Fine, "shift": v.Shift, "saturated": v.Saturated} {
		if !(x >= 0 && x <= 4) {
			return fmt.Errorf("%s is %v: must be from 0 to 4", name, x)
		}
	}
	if err := checkNumbers("correlation", v.Correlation, 1); err != nil {
		return err
	}
	return checkNumbers("edges", v.Edges, 1)
}

func checkNumbers(name string, values []float32, largest float64) error {
	if len(values) != numCells {
		return fmt.Errorf("%s of %d cells: must be %d", name, len(values), numCells)
	}
	for i, v := range values {
		if math.IsNaN(float64(v)) || v < 0 || float64(v) > largest {
			return fmt.Errorf("%s of cell %d is %v: must be from 0 to %v", name, i, v, largest)
		}
	}
	return nil
}

// encodePNG makes a PNG of a picture, [side][side].
func encodePNG(gray []byte, side int) []byte {
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestCompression}
	// A buffer takes everything, and a picture of a side above 0 can be encoded.
	_ = e.Encode(&b, &image.Gray{Pix: gray, Stride: side, Rect: image.Rect(0, 0, side, side)})
	return b.Bytes()
}

// decodePNG reads a PNG of encodePNG.
func decodePNG(picture []byte, side int) ([]byte, error) {
	head, err := png.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	if head.Width != side || head.Height != side || head.ColorModel != color.GrayModel {
		return nil, fmt.Errorf("picture of %dx%d pixels: must be grey and have a side of %d", head.Width, head.Height,
			side)
	}
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	gray, ok := img.(*image.Gray)
	if !ok {
		return nil, fmt.Errorf("picture is a %T: must be grey", img)
	}
	return gray.Pix, nil
}
