package kernel

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkLayers measures the layers of presets paper and small, one by one.
func BenchmarkLayers(b *testing.B) {
	for _, l := range []struct {
		up                  bool
		t, s, strT, in, out int
	}{
		{false, 16, 128, 1, 1, 16},
		{false, 16, 64, 2, 16, 32},
		{false, 8, 32, 2, 32, 64},
		{false, 4, 16, 2, 64, 96},
		{true, 2, 8, 2, 96, 64},
		{true, 4, 16, 2, 64, 32},
		{true, 8, 32, 2, 32, 16},
		{true, 16, 64, 1, 16, 1},
		{false, 16, 256, 1, 1, 96},
		{false, 16, 128, 2, 96, 128},
		{false, 8, 64, 2, 128, 256},
		{false, 4, 32, 2, 256, 256},
		{true, 2, 16, 2, 256, 256},
		{true, 4, 32, 2, 256, 128},
		{true, 8, 64, 2, 128, 96},
		{true, 16, 128, 1, 96, 1},
	} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("up=%v/%d-%d/%d", l.up, l.in, l.out, threads), func(b *testing.B) {
				pool := NewPool(threads)
				defer pool.Close()
				slope := float32(0.2)
				if l.out == 1 {
					slope = 1
				}
				axis := ConvAxis
				if l.up {
					axis = TransposedConvAxis
				}
				c := NewConv(BestSet(), [3]Axis{axis(l.t, l.strT), axis(l.s, 2), axis(l.s, 2)}, l.in, l.out, slope)
				dst, src := make([]float32, c.DstLen()), make([]float32, c.SrcLen())
				c.Run(pool, dst, src)
				for b.Loop() {
					c.Run(pool, dst, src)
				}
				rate := 2 * float64(c.MACs()) * float64(b.N) / b.Elapsed().Seconds() / 1e9
				b.ReportMetric(rate, "GFLOP/s")
				b.ReportMetric(2*float64(c.MACs())/1e9, "GFLOP")
				runtime.KeepAlive(dst)
			})
		}
	}
}
