package evidence

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"

	"vigil/geometry"
)

// maxAlpha is how much of the hottest place's colour is red.
const maxAlpha = 0.65

// Overlay draws an error map [side][side] over a picture: red where it is hot, with the alert's boxes around.
func Overlay(img image.Image, heat []float32, side int, boxes []geometry.Box) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(out, out.Bounds(), img, img.Bounds().Min, draw.Src)
	if side > 0 && len(heat) == side*side {
		blendHeat(out, heat, side)
	}
	w, h := float64(out.Bounds().Dx()), float64(out.Bounds().Dy())
	for _, b := range boxes {
		outline(out, image.Rect(int(b.X*w), int(b.Y*h), int((b.X+b.W)*w)-1, int((b.Y+b.H)*h)-1))
	}
	return out
}

// blendHeat blends red in by the square root of the heat's share of the hottest, so that faint places show too.
func blendHeat(out *image.RGBA, heat []float32, side int) {
	hottest := slices.Max(heat)
	if !(hottest > 0) {
		return
	}
	w, h := out.Bounds().Dx(), out.Bounds().Dy()
	shades := make([]float64, len(heat))
	for i, e := range heat {
		shades[i] = maxAlpha * math.Sqrt(max(0, float64(e/hottest)))
	}
	at := func(x, y int) float64 { return shades[min(max(y, 0), side-1)*side+min(max(x, 0), side-1)] }
	for y := range h {
		fy := (float64(y)+0.5)*float64(side)/float64(h) - 0.5
		y0 := int(math.Floor(fy))
		dy := fy - float64(y0)
		for x := range w {
			fx := (float64(x)+0.5)*float64(side)/float64(w) - 0.5
			x0 := int(math.Floor(fx))
			dx := fx - float64(x0)
			alpha := (at(x0, y0)*(1-dx)+at(x0+1, y0)*dx)*(1-dy) + (at(x0, y0+1)*(1-dx)+at(x0+1, y0+1)*dx)*dy
			p := out.Pix[out.PixOffset(x, y):]
			p[0] = uint8(float64(p[0])*(1-alpha) + 255*alpha)
			p[1] = uint8(float64(p[1]) * (1 - alpha))
			p[2] = uint8(float64(p[2]) * (1 - alpha))
		}
	}
}

// outline draws the border of r in yellow, two pixels wide.
func outline(img *image.RGBA, r image.Rectangle) {
	yellow := color.RGBA{R: 255, G: 220, A: 255}
	for i := range 2 {
		in := r.Inset(i)
		for x := in.Min.X; x <= in.Max.X; x++ {
			img.SetRGBA(x, in.Min.Y, yellow)
			img.SetRGBA(x, in.Max.Y, yellow)
		}
		for y := in.Min.Y; y <= in.Max.Y; y++ {
			img.SetRGBA(in.Min.X, y, yellow)
			img.SetRGBA(in.Max.X, y, yellow)
		}
	}
}
