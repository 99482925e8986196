package kinds

import (
	"math"
	"math/rand/v2"
)

// uniform draws from [lo, hi).
func uniform(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// sign draws -1 or 1.
func sign(r *rand.Rand) float64 { return float64(2*r.IntN(2) - 1) }

// at is the generator of the n-th of things that change with time; frames can so be drawn in any order.
func at(seed uint64, n int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(n))) } //nolint:gosec // Not secret.

// hash is a random number from 0 to 1 of a point of a lattice.
func hash(seed uint64, x, y, z int) float64 {
	h := seed ^ uint64(x)*0x9e3779b97f4a7c15 ^ uint64(y)*0xc2b2ae3d27d4eb4f ^ uint64(
		z)*0x165667b19e3779f9 //nolint:gosec // Wraps around.
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return float64((h^h>>31)>>11) / (1 << 53)
}

// clouds is smooth noise from 0 to 1 of which a hill is about a unit wide: Perlin's value noise.
func clouds(seed uint64, x, y, z float64) float64 {
	xi, yi, zi := math.Floor(x), math.Floor(y), math.Floor(z)
	fx, fy, fz := ease(x-xi), ease(y-yi), ease(z-zi)
	sum := 0.0
	for n := range 8 {
		dx, dy, dz := n&1, n>>1&1, n>>2
		weight := pick(dx, fx) * pick(dy, fy) * pick(dz, fz)
		if weight > 0 {
			sum += weight * hash(seed, int(xi)+dx, int(yi)+dy, int(zi)+dz)
		}
	}
	return sum
}

// rough is clouds of three sizes.
func rough(seed uint64, x, y, z float64) float64 {
	return (4*clouds(seed, x, y, z) + 2*clouds(seed+1, 2*x, 2*y, 2*z) + clouds(seed+2, 4*x, 4*y, 4*z)) / 7
}

func pick(d int, f float64) float64 {
	if d == 1 {
		return f
	}
	return 1 - f
}

// ease goes smoothly from 0 to 1 while f does; it is constant outside.
func ease(f float64) float64 {
	f = min(max(f, 0), 1)
	return f * f * (3 - 2*f)
}

// field is a function over the picture, computed at every eighth pixel and interpolated between.
type field struct {
	cols   int
	values []float64
}

const fieldStep = 8

func newField(width, height int, f func(x, y float64) float64) *field {
	cols, rows := width/fieldStep+2, height/fieldStep+2
	g := &field{cols: cols, values: make([]float64, cols*rows)}
	for i := range g.values {
		g.values[i] = f(float64(i%cols*fieldStep), float64(i/cols*fieldStep))
	}
	return g
}

func (g *field) at(x, y int) float64 {
	i := y/fieldStep*g.cols + x/fieldStep
	fx, fy := float64(x%fieldStep)/fieldStep, float64(y%fieldStep)/fieldStep
	v := g.values
	return (v[i]*(1-fx)+v[i+1]*fx)*(1-fy) + (v[i+g.cols]*(1-fx)+v[i+g.cols+1]*fx)*fy
}
