package base

import (
	"bytes"
	"testing"
)

// A street depends on the seed and its number only, people move in it, and it differs from the others.
func TestStreets(t *testing.T) {
	const side, frames = 64, 60
	first, err := Street(t.Context(), 1, 3, frames, side)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Street(t.Context(), 1, 3, frames, side)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Street(t.Context(), 1, 4, frames, side)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Gray, again.Gray) {
		t.Error("a street is not the same when it is drawn again")
	}
	if first.Place == other.Place || bytes.Equal(first.Gray, other.Gray) {
		t.Error("two streets are one")
	}
	if first.Frames() != frames {
		t.Errorf("%d frames, want %d", first.Frames(), frames)
	}
	moved := 0
	for i := range side * side {
		if d := int(first.Gray[i]) - int(first.Gray[(frames-1)*side*side+i]); d > 20 || d < -20 {
			moved++
		}
	}
	if moved == 0 || moved > side*side/4 {
		t.Errorf("%d of %d pixels changed within %d frames", moved, side*side, frames)
	}
}
