package evidence

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"

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

// Draw returns a JPEG with an error map [side][side] and boxes over it as Overlay draws them, and with the mask black.
func Draw(picture []byte, heat []float32, side int, boxes []geometry.Box, mask []geometry.Polygon) ([]byte, error) {
	img, err := decode(picture)
	if err != nil {
		return nil, err
	}
	out := Overlay(img, heat, side, boxes)
	for _, run := range geometry.MaskRuns(mask, out.Rect.Dx(), out.Rect.Dy()) {
		blacken(out, run)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, out, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("draw an error map: %w", err)
	}
	return b.Bytes(), nil
}

// blacken makes the pixels of a run black. img begins at (0, 0) and has no gaps between its rows.
func blacken(img *image.RGBA, run geometry.Run) {
	for i := run.From; i < run.To; i++ {
		copy(img.Pix[4*i:], []byte{0, 0, 0, 255})
	}
}
