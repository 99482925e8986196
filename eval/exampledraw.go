package eval

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"

	"vigil/internal/draw"
	"vigil/video"
)

// Draw makes a PNG of the example's frame f, with the error map in red and the outline of the pixel labels in green.
func (s Example) Draw(f *video.Frame) ([]byte, error) {
	if f.Width < 1 || f.Height < 1 || len(f.Pix) != f.Width*f.Height*f.Channels || f.Channels != 1 && f.Channels != 3 {
		return nil, fmt.Errorf("frame %d: %d bytes for %dx%d pixels of %d channels", f.Seq, len(f.Pix), f.Width,
			f.Height, f.Channels)
	}
	img := draw.Picture(f.Pix, f.Width, f.Height, f.Channels)
	draw.Heat(img, s.Heat, int(math.Sqrt(float64(len(s.Heat)))))
	if s.Mask != nil {
		outline(img, s.Mask)
	}
	var out bytes.Buffer
	err := png.Encode(&out, img)
	return out.Bytes(), err
}

// outline draws the border of the abnormal region.
func outline(img *image.RGBA, m *Mask) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	on := func(x, y int) bool {
		return x >= 0 && y >= 0 && x < w && y < h && m.Abnormal[y*m.Height/h*m.Width+x*m.Width/w]
	}
	for y := range h {
		for x := range w {
			inside := on(x-1, y) && on(x+1, y) && on(x, y-1) && on(x, y+1)
			if on(x, y) && !inside {
				img.SetRGBA(x, y, color.RGBA{G: 230, B: 120, A: 255})
			}
		}
	}
}
