package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// eachSet runs a subtest for every kernel set of this machine.
func eachSet(t *testing.T, test func(t *testing.T, set *Set)) {
	t.Helper()
	for _, set := range Sets() {
		t.Log("running set", set.Name)
		t.Run(set.Name, func(t *testing.T) { test(t, set) })
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func fill(r *rand.Rand, s []float32) []float32 {
	for i := range s {
		s[i] = float32(r.NormFloat64())
	}
	return s
}

// guarded returns n values with any alignment, between poison (NaN). intact reports whether the poison is unchanged.
func guarded(r *rand.Rand, n int) (values []float32, intact func() bool) {
	const margin = 64
	nan := float32(math.NaN())
	from := margin + r.IntN(16)
	all := make([]float32, from+n+margin)
	for i := range all {
		all[i] = nan
	}
	values = all[from : from+n : from+n]
	clear(values)
	return values, func() bool {
		for i, v := range all {
			if (i < from || i >= from+n) && v == v {
				return false
			}
		}
		return true
	}
}

// near reports whether got is want up to rounding; scale is the sum of the magnitudes that were added.
func near(got float32, want, scale float64) bool {
	switch {
	case math.IsNaN(want):
		return got != got
	case math.IsInf(want, 0):
		return float64(got) == want
	}
	return math.Abs(float64(got)-want) <= 4e-6*scale+1e-30
}

// leaky is LeakyReLU in double precision.
func leaky(v float64, slope float32) float64 {
	if v < 0 {
		return v * float64(slope)
	}
	return v
}

func TestMicro(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		for i := range set.Micros {
			m := &set.Micros[i]
			t.Run(fmt.Sprintf("%dx%d", m.Pixels, m.Channels), func(t *testing.T) {
				r := newRand(uint64(i))
				for round := range 600 {
					checkMicro(t, r, m, round)
				}
			})
		}
	})
}

// FuzzMicro is TestMicro with any seed.
func FuzzMicro(f *testing.F) {
	f.Add(uint64(1), uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, round uint8) {
		for _, set := range Sets() {
			for i := range set.Micros {
				checkMicro(t, newRand(seed), &set.Micros[i], int(round))
			}
		}
	})
}

// checkMicro computes random groups: any number of pixels and channels; taps of any length, step and order, some of
// them empty; sums that start from a bias or from existing values; and in every fourth round infinities and NaN.
func checkMicro(t *testing.T, r *rand.Rand, m *Micro, round int) {
	t.Helper()
	pixels, channels := 1+r.IntN(3*m.Pixels), 1+r.IntN(m.Channels)
	srcStep, weightStep := 1, m.Channels
	if r.IntN(2) == 0 {
		srcStep, weightStep = 1+r.IntN(3), m.Channels+r.IntN(40)
	}
	srcLen := 90 + r.IntN(200)
	src, _ := guarded(r, srcLen)
	fill(r, src)
	var taps []Tap
	rows := 0
	for range r.IntN(5) {
		n := r.IntN(20)
		taps = append(taps, Tap{Src: r.IntN(10) - 10, Weight: rows, Len: n})
		rows += n + r.IntN(3)
	}
	weights, _ := guarded(r, max(rows-1, 0)*weightStep+m.Channels)
	for i := range weights {
		// Channels that do not exist are zero, as after Pack.
		if i%weightStep < channels {
			weights[i] = float32(r.NormFloat64())
		}
	}
	if round%4 == 3 {
		special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}
		src[r.IntN(srcLen)] = special[r.IntN(3)]
		src[r.IntN(srcLen)] = special[r.IntN(3)]
	}
	stride := channels + r.IntN(5)
	dst, intact := guarded(r, (pixels-1)*stride+channels)
	fill(r, dst)
	tile := Tile{
		Src: src, Taps: taps, Weights: weights, Dst: dst, Channels: channels, SrcStep: srcStep, WeightStep: weightStep,
		Slope: []float32{1, 0.2}[r.IntN(2)],
	}
	for p := range pixels {
		tile.Pixels = append(tile.Pixels, int32(10+r.IntN(srcLen-10-20*srcStep)))
		tile.Out = append(tile.Out, int32(p*stride))
	}
	tile.Pixels, tile.Out = fillGroup(tile.Pixels, m.Pixels), fillGroup(tile.Out, m.Pixels)
	if r.IntN(2) == 0 {
		tile.Bias, _ = guarded(r, m.Channels)
		fill(r, tile.Bias[:channels])
	}
	before := append([]float32(nil), dst...)
	m.Run(&tile)
	if !intact() {
		t.Fatalf("round %d: wrote outside the destination", round)
	}
	written := map[int]bool{}
	for p := range pixels {
		for c := range channels {
			at := int(tile.Out[p]) + c
			written[at] = true
			start := float64(before[at])
			if tile.Bias != nil {
				start = float64(tile.Bias[c])
			}
			want, scale := start, math.Abs(start)
			for _, tap := range taps {
				for k := range tap.Len {
					v := float64(src[int(tile.Pixels[p])+tap.Src+k*srcStep]) * float64(
						weights[(tap.Weight+k)*weightStep+c])
					want += v
					scale += math.Abs(v)
				}
			}
			if want = leaky(want, tile.Slope); !near(dst[at], want, scale) {
				t.Fatalf("round %d: pixel %d of %d, channel %d of %d: %v, want %v", round, p, pixels, c, channels,
					dst[at], want)
			}
		}
	}
	for i, v := range dst {
		if !written[i] && v != before[i] {
			t.Fatalf("round %d: wrote between the pixels", round)
		}
	}
}

func TestAddress(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	many := make([]float32, 2000)
	fill(newRand(3), many)
	cases := []struct {
		name   string
		row    []float32
		lambda float32
	}{
		{"one slot", []float32{3}, 0.5},
		{"equal slots", []float32{1, 1, 1, 1, 1}, 0.1},
		{"all below lambda", []float32{1, 1, 1, 1, 1}, 0.3},
		{"one far above", []float32{0, 0, 50, 0}, 0.25},
		{"no shrinkage", []float32{0.1, -2, 3, 0}, 0},
		{"values beyond exp", []float32{1e4, 1e4 - 1, -1e4}, 0.1},
		{"very negative", []float32{-1e30, -1e30, -1e30}, 0.1},
		{"NaN", []float32{0, nan, 1}, 0.1},
		{"infinite", []float32{0, inf, 1}, 0.1},
		{"minus infinite", []float32{0, -inf, 1}, 0.1},
		{"all minus infinite", []float32{-inf, -inf}, 0.1},
		{"many", many, 1.0 / 2000},
		{"odd number", many[:17], 1.0 / 17},
	}
	eachSet(t, func(t *testing.T, set *Set) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				got, intact := guarded(newRand(5), len(c.row))
				copy(got, c.row)
				want, edge := naiveAddress(c.row, c.lambda)
				set.Address(got, c.lambda)
				if !intact() {
					t.Error("wrote outside the row")
				}
				for i := range got {
					if !edge[i] && !near(got[i], want[i], 1) {
						t.Errorf("weight %d is %v, want %v", i, got[i], want[i])
					}
				}
			})
		}
	})
}

// naiveAddress is the memory's formula in double precision. edge marks weights so close to lambda that rounding
// decides.
func naiveAddress(row []float32, lambda float32) (w []float64, edge []bool) {
	w, edge = make([]float64, len(row)), make([]bool, len(row))
	top, sum := math.Inf(-1), 0.0
	for _, v := range row {
		top = math.Max(top, float64(v))
	}
	for i, v := range row {
		w[i] = math.Exp(float64(v) - top)
		sum += w[i]
	}
	left := 0.0
	for i := range w {
		w[i] /= sum
		if lambda > 0 {
			d := w[i] - float64(lambda)
			edge[i] = math.Abs(d) <= 1e-5*float64(lambda)
			w[i] = math.Max(d, 0) * w[i] / (math.Abs(d) + 1e-12)
			left += math.Abs(w[i])
		}
	}
	if lambda > 0 {
		for i := range w {
			w[i] /= math.Max(left, 1e-12)
		}
	}
	return w, edge
}

func TestResidualRow(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := newRand(9)
		for n := range 70 {
			for _, square := range []bool{false, true} {
				y, _ := guarded(r, n)
				x, _ := guarded(r, n)
				sum, intact := guarded(r, n)
				fill(r, y)
				fill(r, x)
				fill(r, sum)
				if n > 3 {
					y[n/2], x[n/3], y[n-1] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))
				}
				before := append([]float32(nil), sum...)
				set.Residual(sum, y, x, square)
				if !intact() {
					t.Fatalf("%d values: wrote outside the sums", n)
				}
				for i := range sum {
					d := math.Abs(float64(y[i]) - float64(x[i]))
					if square {
						d *= d
					}
					if !near(sum[i], float64(before[i])+d, math.Abs(float64(before[i]))+d) {
						t.Fatalf("%d values, square %v: sum %d is %v, want %v", n, square, i, sum[i],
							float64(before[i])+d)
					}
				}
			}
		}
	})
}

func TestFindSet(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		if got, err := FindSet(set.Name); err != nil || got != set {
			t.Errorf("%v, %v", got, err)
		}
	})
	if _, err := FindSet("sse"); err == nil || !strings.Contains(err.Error(), "this machine has go") {
		t.Errorf("%v", err)
	}
	t.Setenv(EnvISA, "sse")
	if err := CheckEnvISA(); err == nil || !strings.HasPrefix(err.Error(), "VIGIL_ISA: instruction set") {
		t.Errorf("%v", err)
	}
}
