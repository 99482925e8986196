package kernel

import (
	"fmt"
	"testing"
)

// BenchmarkMicro measures the micro-kernels alone, on tiles that stay in the first-level cache.
func BenchmarkMicro(b *testing.B) {
	for _, set := range Sets() {
		for i := range set.Micros {
			m := &set.Micros[i]
			b.Run(fmt.Sprintf("%s/%dx%d", set.Name, m.Pixels, m.Channels), func(b *testing.B) {
				const in = 96
				taps := []Tap{{0, 0, in}, {8 * in, in, in}, {16 * in, 2 * in, in}}
				t := Tile{
					Src: make([]float32, 32*in), Taps: taps, Weights: make([]float32, 3*in*m.Channels),
					Dst: make([]float32, m.Pixels*m.Channels), Bias: make([]float32, m.Channels), Channels: m.Channels,
					Slope:   0.2,
					SrcStep: 1, WeightStep: m.Channels,
				}
				for p := range m.Pixels {
					t.Pixels, t.Out = append(t.Pixels, int32(p*in)), append(t.Out, int32(p*m.Channels))
				}
				for b.Loop() {
					m.Run(&t)
				}
				b.ReportMetric(float64(2*3*in*m.Pixels*m.Channels)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

// BenchmarkPeak measures a core's peak.
func BenchmarkPeak(b *testing.B) {
	for _, set := range Sets() {
		b.Run(set.Name, func(b *testing.B) {
			const rounds = 10_000
			for b.Loop() {
				set.Peak(rounds)
			}
			b.ReportMetric(rounds*float64(set.PeakFLOPs)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

// BenchmarkWeightGrad and BenchmarkInputGrad measure the backward passes of a layer in the middle of preset fast.
func BenchmarkWeightGrad(b *testing.B) {
	for _, set := range Sets() {
		for _, l := range []struct{ t, s, strT, large, small int }{
			{16, 128, 1, 1, 8},
			{16, 64, 2, 8, 16},
			{8, 32, 2, 16, 32},
			{4, 16, 2, 32, 64},
		} {
			b.Run(fmt.Sprintf("%s/%d-%d", set.Name, l.large, l.small), func(b *testing.B) {
				pool := NewPool(1)
				defer pool.Close()
				g := NewWeightGrad(set, [3]Axis{ConvAxis(l.t, l.strT), ConvAxis(l.s, 2), ConvAxis(l.s, 2)},
					l.large, l.small)
				dW, large, small := make([]float32, g.Len()), make([]float32, l.t*l.s*l.s*l.large),
					make([]float32, g.pixels*l.small)
				for b.Loop() {
					g.Run(pool, dW, large, small, 1)
				}
				b.ReportMetric(2*float64(g.MACs())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

func BenchmarkInputGrad(b *testing.B) {
	for _, set := range Sets() {
		for _, up := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/up=%v", set.Name, up), func(b *testing.B) {
				pool := NewPool(1)
				defer pool.Close()
				axes, in, out := [3]Axis{
					TransposedConvAxis(8, 2), TransposedConvAxis(32, 2),
					TransposedConvAxis(32, 2),
				}, 16, 8
				if !up {
					axes, in, out = [3]Axis{ConvAxis(16, 2), ConvAxis(64, 2), ConvAxis(64, 2)}, 8, 16
				}
				c := NewConv(set, axes, in, out, 1)
				dst, src := make([]float32, c.DstLen()), make([]float32, c.SrcLen())
				for b.Loop() {
					c.Run(pool, dst, src)
				}
				b.ReportMetric(2*float64(c.MACs())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

func BenchmarkNorm(b *testing.B) {
	const pixels, channels = 16 * 64 * 64, 8
	n := NewNorm(BestSet(), pixels, channels, 0.2, 1e-5)
	u, y := fill(newRand(1), make([]float32, pixels*channels)), make([]float32, pixels*channels)
	gamma := []float32{1, 1, 1, 1, 1, 1, 1, 1}
	pool := NewPool(1)
	defer pool.Close()
	for name, run := range map[string]func(){
		"forward":  func() { n.Forward(pool, y, u, gamma, gamma) },
		"backward": func() { n.Backward(pool, y, u, gamma, make([]float32, channels), make([]float32, channels)) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				run()
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/pixels/channels, "ns/value")
		})
	}
}
