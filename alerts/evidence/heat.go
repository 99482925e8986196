package evidence

import (
	"image"

	"vigil/geometry"
	"vigil/internal/draw"
)

// Overlay draws an error map [side][side] over a picture: red at high errors, with the alert's boxes.
func Overlay(img image.Image, heat []float32, side int, boxes []geometry.Box) *image.RGBA {
	out := draw.Copy(img)
	if side > 0 && len(heat) == side*side {
		draw.Heat(out, heat, side)
	}
	draw.Boxes(out, boxes)
	return out
}
