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
					Dst: make([]float32, m.Pixels*m.Channels), Bias: make([]float32, m.Channels), Channels: m.Channels, Slope: 0.2,
				}
				for p := range m.Pixels {
					t.Pixels, t.Out = append(t.Pixels, p*in), append(t.Out, p*m.Channels)
				}
				for b.Loop() {
					m.Run(&t)
				}
				b.ReportMetric(float64(2*3*in*m.Pixels*m.Channels)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
