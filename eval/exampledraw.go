package eval

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"

	"vigil/video"
)

// Draw makes a PNG of the frame that a sight is of: the error map over it in red, full where it is highest, and the
// outline of the pixel truth in green.
func (s Example) Draw(f *video.Frame) ([]byte, error) {
	if f.Width < 1 || f.Height < 1 || len(f.Pix) != f.Width*f.Height*f.Channels || f.Channels != 1 && f.Channels != 3 {
		return nil, fmt.Errorf("frame %d: %d bytes for %dx%d pixels of %d channels", f.Seq, len(f.Pix), f.Width,
			f.Height, f.Channels)
	}
	side := int(math.Sqrt(float64(len(s.Heat))))
	hottest := slices.Max(s.Heat)
	img := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	for y := range f.Height {
		for x := range f.Width {
			i := f.Channels * (y*f.Width + x)
			b, g, r := f.Pix[i], f.Pix[i], f.Pix[i]
			if f.Channels == 3 {
				g, r = f.Pix[i+1], f.Pix[i+2]
			}
			alpha := 0.0
			if hottest > 0 {
				alpha = 0.75 * math.Sqrt(float64(s.Heat[y*side/f.Height*side+x*side/f.Width]/hottest))
			}
			img.SetRGBA(x, y, color.RGBA{
				R: uint8(float64(r)*(1-alpha) + 255*alpha), G: uint8(float64(g) * (1 - alpha)),
				B: uint8(float64(b) * (1 - alpha)), A: 255,
			})
		}
	}
	if s.Mask != nil {
		outline(img, s.Mask)
	}
	var out bytes.Buffer
	err := png.Encode(&out, img)
	return out.Bytes(), err
}

// outline draws the border of what the mask marks.
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
