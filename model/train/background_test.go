package train

import "testing"

// TestBackground shows somebody passing before a place of three values: the median is the place.
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
			t.Errorf("place %d is %v, want %v", i, b, want)
		}
	}
}
