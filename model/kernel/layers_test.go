package kernel

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkLayers measures the layers of preset paper, one by one.
func BenchmarkLayers(b *testing.B) {
	for _, l := range []struct {
		up                  bool
		t, s, strT, in, out int
	}{
		{false, 16, 256, 1, 1, 96}, {false, 16, 128, 2, 96, 128}, {false, 8, 64, 2, 128, 256}, {false, 4, 32, 2, 256, 256},
		{true, 2, 16, 2, 256, 256}, {true, 4, 32, 2, 256, 128}, {true, 8, 64, 2, 128, 96}, {true, 16, 128, 1, 96, 1},
	} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("up=%v/%d-%d/%d", l.up, l.in, l.out, threads), func(b *testing.B) {
				pool := NewPool(threads)
				defer pool.Close()
				axis := Down
				if l.up {
					axis = Up
				}
				c := NewConv(Best(), [3]Axis{axis(l.t, l.strT), axis(l.s, 2), axis(l.s, 2)}, l.in, l.out, 0.2)
				dst, src := make([]float32, c.DstLen()), make([]float32, c.SrcLen())
				for b.Loop() {
					c.Run(pool, dst, src)
				}
				rate := 2 * float64(c.Work()) * float64(b.N) / b.Elapsed().Seconds() / 1e9
				b.ReportMetric(rate, "GFLOP/s")
				b.ReportMetric(2*float64(c.Work())/1e9, "GFLOP")
				runtime.KeepAlive(dst)
			})
		}
	}
}
