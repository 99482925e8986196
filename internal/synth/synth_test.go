package synth

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// walk is a grey background with dark bars that move to the right by a pixel per frame.
func walk(frames int) *Video {
	v := &Video{Width: 96, Height: 48}
	for t := range frames {
		picture := slices.Repeat([]byte{120}, v.Width*v.Height)
		for bar := range 3 {
			for y := range 10 {
				for x := range 6 {
					picture[(8+14*bar+y)*v.Width+(t+30*bar+x)%v.Width] = byte(20 + 10*x)
				}
			}
		}
		v.Gray = append(v.Gray, picture...)
	}
	return v
}

func onset(m *Labelled) int { return slices.Index(m.Abnormal, true) }

func TestFast(t *testing.T) {
	v := walk(140)
	speeds := map[int]bool{}
	for seed := range uint64(40) {
		m, ok := Fast(rand.New(rand.NewPCG(seed, 0)), v)
		if !ok {
			t.Fatalf("seed %d: nothing was made", seed)
		}
		on := onset(&m)
		if on <= cleanFrames || len(m.Abnormal) != m.Frames() || m.Frames()-on < minAbnormal-1 ||
			slices.Contains(m.Abnormal[on:], false) {
			t.Fatalf("seed %d: abnormal from frame %d of %d", seed, on, m.Frames())
		}
		if bytes.Equal(m.Gray[on*v.Width*v.Height:], v.Gray[on*v.Width*v.Height:len(m.Gray)]) {
			t.Errorf("seed %d: nothing is another than it was", seed)
		}
		if !bytes.Equal(m.Gray[:on*v.Width*v.Height], v.Gray[:on*v.Width*v.Height]) {
			t.Errorf("seed %d: what comes before frame %d is not as it was", seed, on)
		}
		// One speed explains all changes: each pixel is from its own frame or from the sped-up one.
		found := 0
		for k := minSpeedUp; k <= maxSpeedUp; k++ {
			if fits(&m, v, on-1, k) {
				found = k
			}
		}
		speeds[found] = true
		if again, _ := Fast(rand.New(rand.NewPCG(seed, 0)), v); !bytes.Equal(again.Gray, m.Gray) {
			t.Errorf("seed %d: makes another video the second time", seed)
		}
	}
	if speeds[0] || len(speeds) != maxSpeedUp-minSpeedUp+1 {
		t.Errorf("speeds %v, want each from %d to %d and no other (0)", speeds, minSpeedUp, maxSpeedUp)
	}
}

// fits reports whether all pixels that differ from their own frame come from the frame at k times the speed.
func fits(m *Labelled, v *Video, from, k int) bool {
	if from+(m.Frames()-1-from)*k >= v.Frames() {
		return false
	}
	for t := from + 1; t < m.Frames(); t++ {
		own, further := v.frame(t), v.frame(from+(t-from)*k)
		for i, p := range m.frame(t) {
			if p != own[i] && p != further[i] {
				return false
			}
		}
	}
	return true
}

func TestGlide(t *testing.T) {
	v := walk(140)
	directions := map[bool]bool{}
	for seed := range uint64(40) {
		m, ok := Glide(rand.New(rand.NewPCG(seed, 0)), v)
		if !ok {
			t.Fatalf("seed %d: nothing was made", seed)
		}
		on := onset(&m)
		if on < cleanFrames || m.Frames() != v.Frames() || len(m.Abnormal) != m.Frames() {
			t.Fatalf("seed %d: abnormal from frame %d of %d", seed, on, m.Frames())
		}
		if area := v.Width * v.Height; !bytes.Equal(m.Gray[:cleanFrames*area], v.Gray[:cleanFrames*area]) {
			t.Errorf("seed %d: the first %d frames are not as they were", seed, cleanFrames)
		}
		// The object enters where it is first visible; the changed columns move on from there, within the same rows.
		first, last := columns(&m, v, on), columns(&m, v, on+minAbnormal-1)
		if len(first) == 0 || len(last) == 0 {
			t.Fatalf("seed %d: nothing is to be seen in frames %d and %d", seed, on, on+minAbnormal-1)
		}
		rightward := first[0] < v.Width/2
		directions[rightward] = true
		if ahead := slices.Max(last) - slices.Max(first); rightward && ahead < 1 {
			t.Errorf("seed %d: comes from the left, its front goes from column %d to %d", seed, slices.Max(first),
				slices.Max(last))
		}
		if ahead := slices.Min(first) - slices.Min(last); !rightward && ahead < 1 {
			t.Errorf("seed %d: comes from the right, its front goes from column %d to %d", seed, slices.Min(first),
				slices.Min(last))
		}
	}
	if len(directions) != 2 {
		t.Error("all come from one side")
	}
}

// columns are the columns in which a frame differs from the normal one.
func columns(m *Labelled, v *Video, t int) (out []int) {
	for x := range v.Width {
		for y := range v.Height {
			if m.frame(t)[y*v.Width+x] != v.frame(t)[y*v.Width+x] {
				out = append(out, x)
				break
			}
		}
	}
	return out
}

// TestGlideLabels has a cutout of two rows whose left half is opaque: a frame is abnormal if at least half of that is
// in the picture.
func TestGlideLabels(t *testing.T) {
	v := &Video{Width: 20, Height: 2, Gray: slices.Repeat([]byte{100}, 20*2*30)}
	c := cutout{width: 4, height: 2, gray: slices.Repeat([]byte{10}, 8), alpha: []float64{1, 1, 0, 0, 1, 1, 0, 0}}
	m := glide(v, c, 5, 1, false)
	for f, abnormal := range m.Abnormal {
		left := f - 5 - 4
		// Its left half lies in columns left and left+1.
		want := f >= 5 && left+1 >= 0 && left <= 19
		if abnormal != want {
			t.Errorf("frame %d: abnormal %v, want %v", f, abnormal, want)
		}
		for x := range 20 {
			want := byte(100)
			if f >= 5 && (x == left || x == left+1) {
				want = 10
			}
			if got := m.frame(f)[x]; got != want {
				t.Errorf("frame %d, column %d: %d, want %d", f, x, got, want)
			}
		}
	}
}

func TestNothingToShow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	still := &Video{Width: 32, Height: 32, Gray: make([]byte, 32*32*100)}
	for name, v := range map[string]*Video{"short": walk(cleanFrames + minAbnormal), "still": still} {
		if _, ok := Fast(r, v); ok {
			t.Errorf("%s: a video that runs too fast was made", name)
		}
	}
	for name, v := range map[string]*Video{"short": walk(cleanFrames + minAbnormal - 1), "still": still} {
		if _, ok := Glide(r, v); ok {
			t.Errorf("%s: a video in which something glides was made", name)
		}
	}
}
