package main

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"

	"vigil/alerts"
	"vigil/internal/output"
	"vigil/internal/scene"
	"vigil/pipeline/detect"
)

// heatMaps are the error maps of the clips that were not normal, by the frame that each shows.
type heatMaps map[uint64][]float32

// keep takes the map of a clip that may become an alert's peak.
func (h heatMaps) keep(c detect.Clip) {
	if len(c.Boxes) > 0 {
		h[c.Seen.Frame] = slices.Clone(c.Map)
	}
}

// save draws the frame of an alert's peak with the error map over it, in red, and the alert's boxes around.
func (h heatMaps) save(path string, street *scene.Street, a alerts.Alert) error {
	heat, ok := h[a.Peak.Frame]
	if !ok {
		return fmt.Errorf("%s: no error map of frame %d was kept", path, a.Peak.Frame)
	}
	width, height := street.Size()
	img := overlay(street.Frame(int(a.Peak.Frame), nil), width, height, heat)
	for _, b := range a.Boxes {
		outline(img, image.Rect(int(b.X*float64(width)), int(b.Y*float64(height)),
			int((b.X+b.W)*float64(width))-1, int((b.Y+b.H)*float64(height))-1))
	}
	f, err := output.Create(path, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = f.Discard() }()
	if err := png.Encode(f, img); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// overlay blends red into a BGR picture where heat, a square map of any side, is high.
func overlay(bgr []byte, width, height int, heat []float32) *image.RGBA {
	side := int(math.Sqrt(float64(len(heat))))
	hottest := slices.Max(heat)
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			share := heat[y*side/height*side+x*side/width] / hottest
			alpha := float32(math.Sqrt(float64(share))) * 0.7
			p := bgr[3*(y*width+x):]
			img.SetRGBA(x, y, color.RGBA{
				R: uint8(float32(p[2])*(1-alpha) + 255*alpha), G: uint8(float32(p[1]) * (1 - alpha)),
				B: uint8(float32(p[0]) * (1 - alpha)), A: 255,
			})
		}
	}
	return img
}

// outline draws the border of r in yellow.
func outline(img *image.RGBA, r image.Rectangle) {
	yellow := color.RGBA{R: 255, G: 220, A: 255}
	for x := r.Min.X; x <= r.Max.X; x++ {
		img.SetRGBA(x, r.Min.Y, yellow)
		img.SetRGBA(x, r.Max.Y, yellow)
	}
	for y := r.Min.Y; y <= r.Max.Y; y++ {
		img.SetRGBA(r.Min.X, y, yellow)
		img.SetRGBA(r.Max.X, y, yellow)
	}
}
