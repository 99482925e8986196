package model

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// scorer makes a Scorer of the golden weights with the given score.
func scorer(t *testing.T, score string, threads int) (*Scorer, []float32) {
	t.Helper()
	return scorerOfLast(t, score, 0, threads)
}

// scorerOfLast is scorer with the given number of scored frames.
func scorerOfLast(t *testing.T, score string, last, threads int) (*Scorer, []float32) {
	t.Helper()
	g := readGolden(t, Dot)
	g.weights.Spec.Score, g.weights.Spec.Last = score, last
	if score == BlockMotion {
		side := g.weights.Spec.Side
		background := Tensor{Shape: []int{side, side}, Float: make([]float32, side*side)}
		for i := range background.Float {
			background.Float[i] = float32(i%17)/17 - 0.5
		}
		g.weights.Tensors[Background] = background
	}
	m, err := New(g.weights)
	if err != nil {
		t.Fatal(err)
	}
	s := m.NewScorer(threads)
	t.Cleanup(s.Close)
	return s, g.clips[0]
}

func TestScoreMaps(t *testing.T) {
	for _, last := range []int{0, 1, 2, 4, 13, 15, 16} {
		for _, kind := range []string{MeanAbs, BlockSq, BlockMotion} {
			for _, masked := range []bool{false, true} {
				t.Run(fmt.Sprintf("last %d, %s, masked %v", last, kind, masked),
					func(t *testing.T) { checkMaps(t, kind, last, masked) })
			}
		}
	}
}

// checkMaps compares a score with the reconstruction of a Scorer of all frames.
func checkMaps(t *testing.T, kind string, last int, masked bool) {
	t.Helper()
	all, x := scorer(t, kind, 2)
	if _, err := all.Score(x, nil); err != nil {
		t.Fatal(err)
	}
	s, _ := scorerOfLast(t, kind, last, 2)
	if last == 0 {
		last = Frames
	}
	if s.model.FLOPs() > all.model.FLOPs() || last < Frames-1 && s.model.FLOPs() > 0.95*all.model.FLOPs() {
		t.Errorf("%g operations, of all frames %g", s.model.FLOPs(), all.model.FLOPs())
	}
	side := s.model.spec.Side
	var ignore []bool
	if masked {
		ignore = make([]bool, side*side)
		for i := range ignore {
			ignore[i] = i%side < 5
		}
	}
	got, err := s.Score(x, ignore)
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	kept := 0
	for i, v := range got.Map {
		want := 0.0
		for f := Frames - last; f < Frames; f++ {
			r := float64(all.y[f*side*side+i]) - float64(x[f*side*side+i])
			if kind != MeanAbs {
				r *= r
			}
			want += math.Abs(r) / float64(last)
		}
		if masked && ignore[i] {
			want = 0
		} else {
			kept++
		}
		if math.Abs(float64(v)-want) > 1e-6 {
			t.Fatalf("%s, masked %v: map %d is %v, want %v", kind, masked, i, v, want)
		}
		sum += want
	}
	want := sum / float64(kept)
	var change, front []float32
	if kind == BlockMotion {
		change, front = naiveMotion(x, s.model.background, ignore, last)
	}
	top, where := naivePeak(got.Map, change, front, ignore, side, last)
	if kind != MeanAbs {
		want = top
	}
	if math.Abs(got.Error-want) > 1e-6*want || got.Side != side || got.Peak != where {
		t.Errorf("%s, masked %v: %v at %v, want %v at %v", kind, masked, got.Error, got.Peak, want, where)
	}
	top, where = naivePeak(got.Map, nil, nil, ignore, side, last)
	if kind == MeanAbs {
		top, where = 0, image.Rectangle{}
	}
	if a := got.Appearance; math.Abs(a.Error-top) > 1e-6*top || a.Peak != where {
		t.Errorf("%s, masked %v: appearance %v at %v, want %v at %v", kind, masked, a.Error, a.Peak, top, where)
	}
}

// naiveMotion sums squared frame-to-frame changes and squared differences to the background.
func naiveMotion(x, background []float32, ignore []bool, last int) (change, front []float32) {
	area := len(background)
	change, front = make([]float32, area), make([]float32, area)
	for i := range area {
		if ignore != nil && ignore[i] {
			continue
		}
		for f := Frames - last; f < Frames; f++ {
			d := x[f*area+i] - background[i]
			front[i] += d * d
			if f > 0 {
				d = x[f*area+i] - x[(f-1)*area+i]
				change[i] += d * d
			}
		}
	}
	return change, front
}

// naivePeak evaluates every window by its definition.
func naivePeak(errs, change, front []float32, ignore []bool, side, last int) (best float64, where image.Rectangle) {
	best = -1
	window, step := side/8, max(side/32, 1)
	for y := 0; y < side; y += step {
		for x := 0; x < side; x += step {
			at := image.Rect(x, y, x+window, y+window)
			// A window beyond the border is moved back to it.
			at = at.Sub(image.Pt(max(at.Max.X-side, 0), max(at.Max.Y-side, 0)))
			sum, kept, moved, stood := 0.0, 0, 0.0, 0.0
			for v := at.Min.Y; v < at.Max.Y; v++ {
				for u := at.Min.X; u < at.Max.X; u++ {
					sum += float64(errs[v*side+u])
					if change != nil {
						moved += float64(change[v*side+u]) / float64(min(last, Frames-1))
						stood += float64(front[v*side+u]) / float64(last)
					}
					if ignore == nil || !ignore[v*side+u] {
						kept++
					}
				}
			}
			area := float64(window * window)
			mean := sum / area
			if change != nil {
				mean *= math.Sqrt(moved / area / (stood/area + 0.01))
			}
			if kept > 0 && mean > best+1e-12 {
				best, where = mean, at
			}
		}
	}
	return best, where
}

func TestPeak(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, side := range []int{16, 32, 48, 80, 128, 144, 192} {
		b := newBlocks(side, Frames)
		for _, keep := range []float64{1, 0.5, 0.01} {
			errs, ignore := make([]float32, side*side), make([]bool, side*side)
			for i := range errs {
				if ignore[i] = r.Float64() >= keep; !ignore[i] {
					errs[i] = r.Float32()
				}
			}
			_, got := b.peak(errs, nil, nil, ignore)
			want, where := naivePeak(errs, nil, nil, ignore, side, Frames)
			if math.Abs(got.Error-want) > 1e-9 || got.Peak != where {
				t.Errorf("side %d, %v kept: %v at %v, want %v at %v", side, keep, got.Error, got.Peak, want, where)
			}
		}
		// A single pixel in the last corner is found, and so is the only counted pixel of a picture without error.
		errs, ignore := make([]float32, side*side), make([]bool, side*side)
		errs[side*side-1] = 1
		if _, at := b.peak(errs, nil, nil, nil); at.Peak.Max != image.Pt(side, side) {
			t.Errorf("side %d: the corner's window is %v", side, at.Peak)
		}
		for i := range ignore {
			ignore[i] = i != side*side/2+side/2
		}
		clear(errs)
		if _, at := b.peak(errs, nil, nil, ignore); !image.Pt(side/2, side/2).In(at.Peak) {
			t.Errorf("side %d: the kept pixel's window is %v", side, at.Peak)
		}
	}
}

func TestScoreRefuses(t *testing.T) {
	s, x := scorer(t, MeanAbs, 1)
	side := s.model.spec.Side
	all := make([]bool, side*side)
	for i := range all {
		all[i] = true
	}
	with := func(v float64) []float32 {
		x := slices.Clone(x)
		x[1234] = float32(v)
		return x
	}
	for _, c := range []struct {
		name   string
		x      []float32
		ignore []bool
		want   string
	}{
		{"a short clip", x[1:], nil, "values"},
		{"a mask of another size", x, all[1:], "mask"},
		{"everything masked", x, all, "is masked"},
		{"NaN", with(math.NaN()), nil, "NaN at index 1234"},
		{"infinite", with(math.Inf(-1)), nil, "-Inf at index 1234"},
		{"NaN under a mask", with(math.NaN()), all, "NaN at index 1234"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := s.Score(c.x, c.ignore); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, expected one with %q", err, c.want)
			}
		})
	}
	if _, err := s.Score(x, nil); err != nil {
		t.Errorf("after a refusal the scorer no longer works: %v", err)
	}
}

// TestScoreOverflow has valid weights whose products overflow float32.
func TestScoreOverflow(t *testing.T) {
	g := readGolden(t, Dot)
	for _, name := range []string{"decoder.6.weight", "decoder.9.weight"} {
		values := g.weights.Tensors[name].Float
		for i := range values {
			values[i] *= 1e30
		}
	}
	m, err := New(g.weights)
	if err != nil {
		t.Fatal(err)
	}
	s := m.NewScorer(1)
	defer s.Close()
	if _, err := s.Score(g.clips[0], nil); err == nil || !strings.Contains(err.Error(), "out of range") {
		t.Errorf("error %v", err)
	}
}

func TestScoreAllocatesNothing(t *testing.T) {
	for _, threads := range []int{1, 2} {
		for _, kind := range []string{MeanAbs, BlockSq, BlockMotion} {
			s, x := scorer(t, kind, threads)
			ignore := make([]bool, s.model.spec.Side*s.model.spec.Side)
			if n := testing.AllocsPerRun(20, func() {
				if _, err := s.Score(x, ignore); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s, %d threads: %v allocations a clip", kind, threads, n)
			}
		}
	}
}

// TestThreads expects equal bits for any number of threads, and no goroutine after Close.
func TestThreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first Score
		for _, threads := range []int{1, 2, 3, 8} {
			g := readGolden(t, Cosine)
			m, err := New(g.weights)
			if err != nil {
				t.Fatal(err)
			}
			s := m.NewScorer(threads)
			got, err := s.Score(g.clips[1], nil)
			s.Close()
			if err != nil {
				t.Fatal(err)
			}
			if first.Map == nil {
				first = got
			}
			if got.Error != first.Error || !slices.Equal(got.Map, first.Map) {
				t.Errorf("%d threads: error %v, with one %v", threads, got.Error, first.Error)
			}
		}
	})
}

// TestOtherSides scores with sides that no preset has.
func TestOtherSides(t *testing.T) {
	for _, side := range []int{48, 80} {
		g := readGolden(t, Dot)
		g.weights.Spec.Side = side
		m, err := New(g.weights)
		if err != nil {
			t.Fatal(err)
		}
		s := m.NewScorer(2)
		got, err := s.Score(randomClip(m), nil)
		if err != nil || len(got.Map) != side*side || got.Error <= 0 {
			t.Errorf("side %d: %v, %v", side, got.Error, err)
		}
		s.Close()
	}
}

// TestFLOPs compares the number of operations with the documented one of the paper's network.
func TestFLOPs(t *testing.T) {
	spec, err := FindPreset("paper")
	if err != nil {
		t.Fatal(err)
	}
	if spec.Parameters() != 6492801 {
		t.Errorf("%d parameters, want 6492801", spec.Parameters())
	}
	if work := noise(t, "paper").FLOPs(); math.Abs(work/1e9-60.8) > 0.05 {
		t.Errorf("%.2f GFLOP a clip, want 60.8", work/1e9)
	}
}

// wideNoise is a network whose last two layers are fused.
func wideNoise(t *testing.T) *Model {
	t.Helper()
	spec := Spec{Side: 48, Channels: [4]int{32, 8, 12, 16}, Slots: 9, Lambda: 0.05, Addressing: Dot, Score: BlockSq}
	w, err := NewWeights(spec)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 3))
	for _, tensor := range w.Tensors {
		for i := range tensor.Float {
			tensor.Float[i] += float32(r.NormFloat64()) * 0.05
		}
	}
	for _, l := range spec.layers() {
		if l.norm != "" {
			for i, v := range w.Tensors[l.norm+".running_var"].Float {
				w.Tensors[l.norm+".running_var"].Float[i] = max(v, 0.5)
			}
		}
	}
	m, err := New(w)
	if err != nil {
		t.Fatal(err)
	}
	if m.tail == nil {
		t.Fatal("the last two layers are not fused")
	}
	return m
}

// TestFusedLayers expects fused layers to give the same bits as separate ones, for any number of threads, and a call of
// onStage for each stage.
func TestFusedLayers(t *testing.T) {
	m := wideNoise(t)
	x := randomClip(m)
	for _, threads := range []int{1, 3} {
		s := m.NewScorer(threads)
		defer s.Close()
		s.forward(x)
		got, laps := slices.Clone(s.y), 0
		s.trace = func(string, []float32) {}
		s.forward(x)
		s.trace = nil
		if !slices.Equal(got, s.y) {
			t.Errorf("%d threads: fused layers give another reconstruction", threads)
		}
		s.onStage = func() { laps++ }
		s.forward(x)
		s.onStage = nil
		// The error is a stage without a call of its own.
		if want := len(m.Stages()) - 1; laps != want {
			t.Errorf("%d laps, want %d", laps, want)
		}
		if n := testing.AllocsPerRun(5, func() { s.forward(x) }); n != 0 {
			t.Errorf("%v allocations a clip", n)
		}
	}
}
