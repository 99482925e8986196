package train

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"vigil/model"
)

// numbered is a segment whose frames have a single grey level that counts up.
func numbered(side, frames int) segment {
	s := segment{gray: make([]byte, frames*side*side), frames: frames}
	for i := range s.gray {
		s.gray[i] = byte(i / (side * side))
	}
	return s
}

// grey is the grey level of a scaled value.
func grey(v float32) int { return int(math.Round((float64(v) + 1) * 127.5)) }

func TestFastClips(t *testing.T) {
	const side = 32
	f := newAugmenter(side, nil)
	x, mask := make([]float32, model.Frames*side*side), make([]float32, side*side)
	speeds, whole := map[int]int{}, 0
	for n := range 300 {
		s := numbered(side, 40+n%60)
		frame := n % (s.frames - model.Frames + 1)
		if !f.writeFast(rngFor(1, rngPseudo, uint64(n)), s, frame, x, mask) {
			t.Fatalf("no clip of %d frames", s.frames)
		}
		sped, top, bottom, left, right := 0, side, -1, side, -1
		for i := range side * side {
			first, step := grey(x[i]), grey(x[side*side+i])-grey(x[i])
			for tt := range model.Frames {
				if got := grey(x[tt*side*side+i]); got != first+tt*step {
					t.Fatalf("clip %d, pixel %d: frame %d shows %d, the first %d and the step is %d", n, i, tt, got,
						first, step)
				}
			}
			if step == 1 {
				if first != frame {
					t.Fatalf("clip %d: the background begins at %d, want %d", n, first, frame)
				}
				continue
			}
			speeds[step]++
			sped++
			top, bottom, left, right = min(top, i/side), max(bottom, i/side), min(left, i%side), max(right, i%side)
			// The fast part is centred on the same moment, as far as the video allows.
			want := min(max(frame+8-8*step, 0), s.frames-(15*step+1))
			if first != want {
				t.Fatalf("clip %d: speed %d begins at %d, want %d", n, step, first, want)
			}
		}
		height, width := bottom-top+1, right-left+1
		switch {
		case sped != height*width:
			t.Fatalf("clip %d: %d fast pixels are no rectangle of %d x %d", n, sped, height, width)
		case sped == side*side:
			whole++
		case height < side/4 || height >= side*3/4 || width < side/4 || width >= side*3/4:
			t.Fatalf("clip %d: a rectangle of %d x %d", n, height, width)
		}
	}
	if len(speeds) != maxSpeedUp-minSpeedUp+1 || whole < 60 || whole > 120 {
		t.Errorf("speeds %v, %d of 300 whole frames", speeds, whole)
	}
	if f.writeFast(rngFor(1, rngPseudo, 0), numbered(side, 30), 0, x, mask) {
		t.Error("30 frames have no room for double speed")
	}
}

func TestMaskCoversMotion(t *testing.T) {
	for _, c := range []struct{ side, reach int }{{32, 1}, {64, 1}, {96, 1}, {128, 2}, {192, 3}} {
		f := newAugmenter(c.side, nil)
		s := segment{gray: make([]byte, 31*c.side*c.side), frames: 31}
		// One pixel flashes; the change of another is a grey level too small.
		at, faint := c.side/2*c.side+c.side/2, 3*c.side+3
		s.gray[16*c.side*c.side+at], s.gray[16*c.side*c.side+faint] = minChange, minChange-1
		x, mask := make([]float32, model.Frames*c.side*c.side), make([]float32, c.side*c.side)
		marked := 0
		for n := range 40 {
			if !f.writeFast(rngFor(2, rngPseudo, uint64(n)), s, 10, x, mask) {
				t.Fatal("no clip")
			}
			for i, m := range mask {
				dy, dx := i/c.side-c.side/2, i%c.side-c.side/2
				if m != 0 && (max(dy, -dy) > c.reach || max(dx, -dx) > c.reach) {
					t.Fatalf("side %d: marked at %d, %d from what moves", c.side, dx, dy)
				}
			}
			if n := (2*c.reach + 1) * (2*c.reach + 1); int(sum(mask)) == n {
				marked++
			}
		}
		if marked == 0 {
			t.Errorf("side %d: the square around the flash is never marked", c.side)
		}
	}
}

func sum(values []float32) float64 {
	var s float64
	for _, v := range values {
		s += float64(v)
	}
	return s
}

func TestSamplerShowsEachClipOnce(t *testing.T) {
	const side = 16
	recipe := Recipe{Batch: 1, Stride: 2}
	s := newSampler(recipe, 3, newAugmenter(side, nil), []segment{
		numbered(side, 16), numbered(side, 15),
		numbered(side, 41),
	})
	x, mask := make([]float32, model.Frames*side*side), make([]float32, side*side)
	var orders [3][]int
	for epoch := range orders {
		for n := range 14 {
			s.clip(epoch*14+n, x, mask)
			orders[epoch] = append(orders[epoch], grey(x[0]))
		}
	}
	want := []int{0, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24}
	for epoch, order := range orders {
		if got := slices.Sorted(slices.Values(order)); !slices.Equal(got, want) {
			t.Errorf("epoch %d shows %v, want %v", epoch, got, want)
		}
	}
	if slices.Equal(orders[0], orders[1]) {
		t.Error("two epochs have the same order")
	}
	// Any clip can be drawn without the previous ones.
	s = newSampler(recipe, 3, newAugmenter(side, nil), s.segments)
	s.clip(20, x, mask)
	if grey(x[0]) != orders[1][6] {
		t.Errorf("clip 20 alone begins at %d, in the run at %d", grey(x[0]), orders[1][6])
	}
}

func TestSplit(t *testing.T) {
	video := func(frames int) Video { return film("v", 16, frames, frames) }
	for name, c := range map[string]struct {
		frames []int
		learn  int // segments
		held   []int
	}{
		"one long":           {[]int{1000}, 1, []int{50}},
		"one short":          {[]int{100}, 1, nil},
		"middling":           {[]int{130}, 1, []int{32}},
		"three":              {[]int{200, 50, 400}, 3, []int{32, 32}},
		"sixteen":            {slices.Repeat([]int{150}, 16), 15, []int{150}},
		"one is most of all": {[]int{40, 2000, 60, 50}, 2, []int{60, 50}},
		"many short":         {slices.Repeat([]int{20}, 30), 30, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var videos []Video
			var all []byte
			total := 0
			for _, n := range c.frames {
				videos = append(videos, video(n))
				total += n
			}
			learn, held := split(videos, nil, 1)
			var lengths []int
			for _, s := range held {
				lengths = append(lengths, s.frames)
				all = append(all, s.gray...)
			}
			for _, s := range learn {
				total -= s.frames
				for _, h := range held {
					if len(h.gray) > 0 && len(s.gray) > 0 && &h.gray[0] == &s.gray[0] {
						t.Error("a segment is used for training and held out")
					}
				}
			}
			if len(learn) != c.learn || !slices.Equal(lengths, c.held) || total*16*16 != len(all) {
				t.Errorf("%d segments for training, held out %v, want %d and %v", len(learn), lengths,
					c.learn, c.held)
			}
		})
	}
	videos := []Video{video(50), video(60), video(70), video(80), video(90), video(100)}
	_, a := split(videos, nil, 1)
	_, b := split(videos, nil, 1)
	if len(a) == 0 || !bytes.Equal(a[0].gray, b[0].gray) {
		t.Error("one seed holds out different videos")
	}
}

func TestRate(t *testing.T) {
	r := Recipes[0]
	for _, c := range []struct {
		step, steps int
		want        float64
	}{
		{0, 1000, 1e-3 / 50},
		{49, 1000, 1e-3},
		{50, 1000, 1e-3},
		{525, 1000, 5e-4},
		{0, 0, 1e-3 / 50},
		{80, 0, 1e-3},
		{0, 8, 5e-4},
		{1, 8, 1e-3},
		{5, 8, 5e-4},
		{0, 1, 1e-3},
	} {
		if got := r.rate(c.step, c.steps); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("step %d of %d: rate %v, want %v", c.step, c.steps, got, c.want)
		}
	}
	if last := r.rate(999, 1000); last > 1e-8 {
		t.Errorf("the last rate is %v, want nearly 0", last)
	}
}

func TestAUC(t *testing.T) {
	for _, c := range []struct {
		high, low []float64
		want      float64
	}{
		{[]float64{2, 3}, []float64{1, 0}, 1},
		{[]float64{1}, []float64{1}, 0.5},
		{[]float64{0, 2}, []float64{1}, 0.5},
		{nil, []float64{1}, 0},
	} {
		if got := auc(c.high, c.low); got != c.want {
			t.Errorf("auc(%v, %v) is %v, want %v", c.high, c.low, got, c.want)
		}
	}
}

func TestBetter(t *testing.T) {
	a := Validation{Loss: -0.1}
	// Of equal ones the newer is kept.
	for _, c := range []struct {
		loss float64
		want bool
	}{{0.2, true}, {-0.1, true}, {-0.2, false}} {
		if a.atLeastAsGoodAs(Validation{Loss: c.loss}) != c.want {
			t.Errorf("%v better than %v: want %v", a.Loss, c.loss, c.want)
		}
	}
}

func TestHeldOutLoss(t *testing.T) {
	h := validationSet{recipe: Recipe{Limit: 0.2}, mask: []float32{0, 1, 1, 0}}
	if got := h.loss([]float32{0.5, 0.1, 0.9, 0.1}); math.Abs(got-0.3/4) > 1e-6 {
		t.Errorf("loss %v, want %v", got, 0.3/4)
	}
}
