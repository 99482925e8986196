package train

import (
	"testing"

	"vigil/model"
)

// TestGlide has a grey background and, in some frames, a bright block that must be found: it must move rigidly, within
// the mask, and nothing else may change.
func TestGlide(t *testing.T) {
	const side, ground, bright = 96, 100, 220
	area := side * side
	bg := make([]float32, area)
	for i := range bg {
		bg[i] = scaledGrey[ground]
	}
	s := segment{gray: make([]byte, 40*area), frames: 40}
	for i := range s.gray {
		s.gray[i] = ground
	}
	x, mask := make([]float32, model.Frames*area), make([]float32, area)
	f := newAugmenter(side, bg)
	if f.writeGlide(rngFor(1, rngPseudo, 0), s, 3, x, mask) {
		t.Error("something glides though there is nothing")
	}
	// From frame 20 on, so that the clip that begins at 3 does not contain it.
	for frame := 20; frame < 40; frame++ {
		for y := 40; y < 46; y++ {
			for c := 50; c < 54; c++ {
				s.gray[frame*area+y*side+c] = bright
			}
		}
	}
	made, directions := 0, map[bool]int{}
	for n := range 60 {
		if !f.writeGlide(rngFor(1, rngPseudo, uint64(n)), s, 3, x, mask) {
			continue
		}
		made++
		var first, last, weight [model.Frames]float64
		for frame := range model.Frames {
			for i := range area {
				over := float64(grey(x[frame*area+i]) - ground)
				if over != 0 && mask[i] == 0 {
					t.Fatalf("clip %d, frame %d: %v at %d, %d, outside of the mask", n, frame, over, i/side, i%side)
				}
				first[frame] += over * float64(i%side)
				last[frame] += over * float64(i/side)
				weight[frame] += over
			}
			first[frame] /= weight[frame]
			last[frame] /= weight[frame]
		}
		step := (first[15] - first[0]) / 15
		directions[step > 0]++
		for frame := 1; frame < model.Frames; frame++ {
			if d := first[frame] - first[frame-1] - step; d > 0.6 || d < -0.6 {
				t.Fatalf("clip %d: from frame %d on it goes %.2f pixels, in the mean %.2f", n, frame-1,
					first[frame]-first[frame-1], step)
			}
			// Between two pixels, the edge is slightly fainter.
			if r := weight[frame] / weight[0]; r < 0.6 || r > 1.6 {
				t.Fatalf("clip %d: frame %d shows %.2f times as much as the first", n, frame, r)
			}
		}
		if speed := max(step, -step) / side; speed < minGlideSpeed*0.8 || speed > maxGlideSpeed*1.2 {
			t.Fatalf("clip %d: %.4f sides a frame", n, speed)
		}
		if descent := max(last[15]-last[0], last[0]-last[15]); descent > 0.25*15*max(step, -step)+0.5 {
			t.Fatalf("clip %d: it goes %.2f down and %.2f along", n, descent, 15*step)
		}
	}
	if made < 10 || directions[true] == 0 || directions[false] == 0 {
		t.Errorf("%d of 60 clips have something that glides, %v", made, directions)
	}
}

// TestSharesOfClips expects the recipe's share of each kind of clip, and the same clips whatever other kinds the recipe
// has.
func TestSharesOfClips(t *testing.T) {
	const side = 32
	area := side * side
	s := segment{gray: make([]byte, 90*area), frames: 90}
	for i := range s.gray {
		s.gray[i] = byte(i / area) // all of it is foreground, since the background is black
	}
	bg := make([]float32, area)
	for i := range bg {
		bg[i] = -1
	}
	x, mask := make([]float32, model.Frames*area), make([]float32, area)
	recipe, err := FindRecipe(Glide)
	if err != nil {
		t.Fatal(err)
	}
	sampler := newSampler(recipe, 5, newAugmenter(side, bg), []segment{s})
	kinds := map[string]int{}
	for n := range 2000 {
		sampler.clip(n, x, mask)
		kind := "normal"
		for i := range area {
			switch d := grey(x[area+i]) - grey(x[i]); {
			case d > 1 && kind == "normal":
				kind = "fast"
			case d <= 0:
				kind = "glide"
			}
		}
		kinds[kind]++
	}
	if g, f := float64(kinds["glide"])/2000, float64(kinds["fast"])/2000; g < recipe.Glide-0.05 ||
		g > recipe.Glide+0.02 || f < recipe.Pseudo-0.05 || f > recipe.Pseudo+0.05 {
		t.Errorf("%v: %.2f glide and %.2f are fast, want %v and %v", kinds, g, f, recipe.Glide, recipe.Pseudo)
	}
}
