package draw

import (
	"image"
	"image/color"
	"testing"

	"vigil/geometry"
)

func TestPicture(t *testing.T) {
	if got := Picture([]byte{1, 2, 3, 4, 5, 6}, 2, 1, 3).RGBAAt(1, 0); got != (color.RGBA{6, 5, 4, 255}) {
		t.Errorf("BGR: %v", got)
	}
	if got := Picture([]byte{1, 2}, 1, 2, 1).RGBAAt(0, 1); got != (color.RGBA{2, 2, 2, 255}) {
		t.Errorf("grey: %v", got)
	}
}

// TestHeat expects the highest error at full opacity, a quarter of it at half of that, and values between the centres
// of the map's pixels to be interpolated.
func TestHeat(t *testing.T) {
	img := Picture(make([]byte, 8), 8, 1, 1)
	Heat(img, []float32{4, 1, 4, 1}, 2)
	for x, want := range map[int]uint8{0: 165, 1: 165, 3: 134, 4: 113, 6: 82, 7: 82} {
		if got := img.RGBAAt(x, 0); got != (color.RGBA{R: want, A: 255}) {
			t.Errorf("pixel %d is %v, want %d of red", x, got, want)
		}
	}
	before := Picture([]byte{9}, 1, 1, 1)
	Heat(before, []float32{0}, 1)
	if got := before.RGBAAt(0, 0); got != (color.RGBA{9, 9, 9, 255}) {
		t.Errorf("without an error: %v", got)
	}
}

func TestBoxes(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 10, 20))
	Boxes(img, []geometry.Box{{X: 0.2, Y: 0.5, W: 0.6, H: 0.4}})
	yellow := color.RGBA{255, 220, 0, 255}
	for p, want := range map[image.Point]color.RGBA{
		{X: 2, Y: 10}: yellow, {X: 3, Y: 11}: yellow, {X: 7, Y: 17}: yellow, {X: 6, Y: 16}: yellow,
		{X: 4, Y: 12}: {}, {X: 1, Y: 10}: {}, {X: 8, Y: 17}: {}, {X: 2, Y: 18}: {},
	} {
		if got := img.RGBAAt(p.X, p.Y); got != want {
			t.Errorf("%v is %v, want %v", p, got, want)
		}
	}
}
