package train

import "testing"

// TestBackground has an object that passes in front of a background of three values; the median is the background.
func TestBackground(t *testing.T) {
	const side, frames = 4, 40
	v := Video{Side: side, Gray: make([]byte, frames*side*side)}
	for f := range frames {
		for i := range side * side {
			v.Gray[f*side*side+i] = byte(40 * (i % 3))
			if i == f%(side*side) {
				v.Gray[f*side*side+i] = 255
			}
		}
	}
	got := make([]float32, side*side)
	background(got, []Video{v, v})
	for i, b := range got {
		if want := scaledGrey[40*(i%3)]; b != want {
			t.Errorf("pixel %d is %v, want %v", i, b, want)
		}
	}
}
