package detect

import (
	"slices"
	"testing"

	"vigil/geometry"
)

func TestHotBoxesOrder(t *testing.T) {
	const side = 64 // cells of 4 x 4 pixels
	errs := make([]float32, side*side)
	fill := func(x0, y0, x1, y1 int, e float32) {
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				errs[y*side+x] = e
			}
		}
	}
	fill(0, 0, 8, 4, 0.7)    // two cells
	fill(32, 32, 36, 40, 1)  // two cells
	fill(60, 60, 64, 64, .4) // below half of the hottest
	got := HotBoxes(errs, side)
	want := []geometry.Box{{X: 0.5, Y: 0.5, W: 0.0625, H: 0.125}, {X: 0, Y: 0, W: 0.125, H: 0.0625}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := HotBoxes(make([]float32, side*side), side); got != nil {
		t.Errorf("got %+v in a map without errors", got)
	}
}

func TestHotBoxesOfAnySide(t *testing.T) {
	for _, side := range []int{1, 7, 16, 48, 80, 100} {
		errs := make([]float32, side*side)
		errs[len(errs)-1] = 1
		got := HotBoxes(errs, side)
		if len(got) != 1 || got[0].X+got[0].W != 1 || got[0].Y+got[0].H != 1 {
			t.Errorf("side %d: got %+v, want the last corner", side, got)
		}
	}
}

func TestZonesOverlapping(t *testing.T) {
	f := NewZoneFinder([]Zone{{Name: "middle", Area: geometry.Rect(0.25, 0.25, 0.5, 0.5)}})
	for _, c := range []struct {
		box  geometry.Box
		want bool
	}{
		{geometry.Box{X: 0.4375, Y: 0.4375, W: 0.5, H: 0.5}, true},
		{geometry.Box{X: 0.5, Y: 0.5, W: 0.5, H: 0.5}, false},
		{geometry.Box{X: 0, Y: 0, W: 1, H: 1}, true},
		{geometry.Box{X: 0, Y: 0, W: 0.25, H: 1}, false},
	} {
		if got := f.Overlapping([]geometry.Box{c.box}) != nil; got != c.want {
			t.Errorf("%+v overlaps: %v, want %v", c.box, got, c.want)
		}
	}
}
