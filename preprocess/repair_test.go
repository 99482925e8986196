package preprocess

import (
	"bytes"
	"testing"

	"vigil/video"
)

// Of a picture that differs from both neighbours only the cuboid that it completes is made; what lasts, moves or
// flickers stays.
func TestLonePictures(t *testing.T) {
	const side, n = 20, 48
	fill := func(ps []video.Picture, at int, grey byte, from, to int) {
		for i := from; i < to; i++ {
			ps[at].Gray[i] = grey
		}
	}
	for name, c := range map[string]struct {
		change   func(ps []video.Picture)
		repaired uint64
	}{
		"nothing":           {func([]video.Picture) {}, 0},
		"half of a picture": {func(ps []video.Picture) { fill(ps, 30, 200, 0, 200) }, 1},
		"a flash":           {func(ps []video.Picture) { fill(ps, 30, 255, 0, 400) }, 1},
		"the first picture": {func(ps []video.Picture) { fill(ps, 0, 200, 0, 400) }, 0},
		"a small thing":     {func(ps []video.Picture) { fill(ps, 30, 200, 0, 10) }, 0},
		"two pictures":      {func(ps []video.Picture) { fill(ps, 30, 200, 0, 200); fill(ps, 31, 200, 0, 200) }, 0},
		"something that moves": {func(ps []video.Picture) {
			for i := range 4 {
				fill(ps, 30+i, 200, 100*i, 100*(i+1))
			}
		}, 0},
		"a change that stays": {func(ps []video.Picture) {
			for i := 30; i < n; i++ {
				fill(ps, i, 200, 0, 200)
			}
		}, 0},
		"a flicker": {func(ps []video.Picture) {
			for i := 11; i < n; i += 2 {
				fill(ps, i, 200, 0, 400)
			}
		}, 3}, // once in 16 pictures: those at 11, 27 and 43
	} {
		t.Run(name, func(t *testing.T) {
			ps := pictures(n, 0, 0, 100*ms)
			for i := range ps {
				ps[i].Side, ps[i].Gray = side, bytes.Repeat([]byte{100}, side*side)
			}
			c.change(ps)
			w := NewWindow(WindowConfig{Side: side, Hop: 1, SourceFPS: 10})
			var cuboid video.Cuboid
			showing := 0 // cuboids that show the change of picture 30
			for _, p := range ps {
				given := bytes.Clone(p.Gray)
				if !w.Push(p, &cuboid) {
					continue
				}
				if !bytes.Equal(given, p.Gray) {
					t.Fatal("a given picture was changed")
				}
				for i := range video.CuboidFrames {
					if cuboid.Seq[i] == 30 && cuboid.X[i*side*side] > scaled[100] {
						showing++
					}
				}
			}
			if got := w.Repaired(); got != c.repaired {
				t.Errorf("%d pictures were repaired, want %d", got, c.repaired)
			}
			if c.repaired == 1 && showing != 1 {
				t.Errorf("%d cuboids show the damage, want the one that it completed", showing)
			}
		})
	}
}
