package eval

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"

	"vigil/video"
)

// TestExampleDraw expects the frame's own colours, red where the error is, and a green outline of the labels.
func TestExampleDraw(t *testing.T) {
	const width, height = 16, 8
	f := &video.Frame{Width: width, Height: height, Channels: 3}
	for range width * height {
		f.Pix = append(f.Pix, 10, 20, 30) // blue, green, red
	}
	mask := &Mask{width, height, make([]bool, width*height)}
	for y := 1; y < 6; y++ {
		for x := 9; x < 14; x++ {
			mask.Abnormal[y*width+x] = true
		}
	}
	// The bottom left quarter is hottest.
	s := Example{Heat: []float32{0, 0, 4, 1}, Mask: mask}
	draw := func() image.Image {
		t.Helper()
		text, err := s.Draw(f)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	is := func(img image.Image, what string, x, y int, want color.RGBA) {
		t.Helper()
		if got := color.RGBAModel.Convert(img.At(x, y)); got != want {
			t.Errorf("%s at %d,%d is %v, want %v", what, x, y, got, want)
		}
	}
	img := draw()
	if img.Bounds() != image.Rect(0, 0, width, height) {
		t.Errorf("%v, want the frame's size", img.Bounds())
	}
	is(img, "what is not hot", 0, 0, color.RGBA{30, 20, 10, 255})
	is(img, "the hottest", 0, 7, color.RGBA{176, 7, 3, 255}) // 0.65 of red
	is(img, "what is a quarter as hot", 15, 7, color.RGBA{103, 13, 6, 255})
	is(img, "the outline", 9, 1, color.RGBA{0, 230, 120, 255})
	is(img, "the outline", 13, 5, color.RGBA{0, 230, 120, 255})
	is(img, "within the outline", 11, 2, color.RGBA{39, 19, 9, 255})
	s.Heat, s.Mask = make([]float32, 4), nil
	f.Channels, f.Pix = 1, bytes.Repeat([]byte{77}, width*height)
	is(draw(), "a grey frame without error", 9, 1, color.RGBA{77, 77, 77, 255})
	f.Pix = f.Pix[1:]
	if _, err := s.Draw(f); err == nil {
		t.Error("a frame that lacks a pixel was drawn")
	}
}
