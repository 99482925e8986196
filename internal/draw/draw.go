// Package draw draws error maps and boxes over pictures, the same way in alerts, reports and the demo.
package draw

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"

	"vigil/geometry"
)

// maxAlpha is the opacity of red at the highest value of an error map.
const maxAlpha = 0.65

// Picture returns an RGBA picture of pixels [height][width][channels] in grey (1 channel) or BGR (3).
func Picture(pix []byte, width, height, channels int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		p := pix[i*channels:][:channels]
		b, g, r := p[0], p[0], p[0]
		if channels == 3 {
			g, r = p[1], p[2]
		}
		copy(img.Pix[4*i:], []byte{r, g, b, 255})
	}
	return img
}

// Copy returns an RGBA copy of a picture, with its origin at (0, 0).
func Copy(img image.Image) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(out, out.Bounds(), img, img.Bounds().Min, draw.Src)
	return out
}

// Heat blends red into a picture where an error map, [side][side], is high. The opacity is proportional to the square
// root of the error, so that weak errors are visible too, and interpolated between the pixels of the map. A map without
// a positive value changes nothing.
func Heat(img *image.RGBA, heat []float32, side int) {
	hottest := slices.Max(heat)
	if !(hottest > 0) {
		return
	}
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
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
			p := img.Pix[img.PixOffset(x, y):]
			p[0] = uint8(float64(p[0])*(1-alpha) + 255*alpha)
			p[1] = uint8(float64(p[1]) * (1 - alpha))
			p[2] = uint8(float64(p[2]) * (1 - alpha))
		}
	}
}

// Boxes outlines boxes in yellow, two pixels wide.
func Boxes(img *image.RGBA, boxes []geometry.Box) {
	yellow := color.RGBA{R: 255, G: 220, A: 255}
	w, h := float64(img.Bounds().Dx()), float64(img.Bounds().Dy())
	for _, b := range boxes {
		outer := image.Rect(int(b.X*w), int(b.Y*h), int((b.X+b.W)*w)-1, int((b.Y+b.H)*h)-1)
		for i := range 2 {
			r := outer.Inset(i)
			for x := r.Min.X; x <= r.Max.X; x++ {
				img.SetRGBA(x, r.Min.Y, yellow)
				img.SetRGBA(x, r.Max.Y, yellow)
			}
			for y := r.Min.Y; y <= r.Max.Y; y++ {
				img.SetRGBA(r.Min.X, y, yellow)
				img.SetRGBA(r.Max.X, y, yellow)
			}
		}
	}
}
