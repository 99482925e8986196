package model

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// noise makes weights with the distribution of the official initialisation, so that the arithmetic sees values of the
// usual magnitude.
func noise(tb testing.TB, name string) *Model {
	tb.Helper()
	spec, err := FindPreset(name)
	if err != nil {
		tb.Fatal(err)
	}
	w, err := NewWeights(spec)
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 7))
	for _, l := range spec.layers() {
		values := w.Tensors[l.name+".weight"].Float
		for i := range values {
			values[i] = float32(r.NormFloat64()) * 0.02
		}
	}
	slots := w.Tensors[memoryName].Float
	for i := range slots {
		slots[i] = r.Float32()*0.2 - 0.1
	}
	m, err := New(w)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func randomClip(m *Model) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, Frames*m.spec.Side*m.spec.Side)
	for i := range x {
		x[i] = r.Float32()*2 - 1
	}
	return x
}

func cpuSeconds(tb testing.TB) float64 {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func BenchmarkScore(b *testing.B) {
	for _, bench := range []struct {
		preset  string
		threads int
	}{
		{"micro", 1},
		{"tiny", 1},
		{"fast", 1},
		{"small", 1},
		{"small", 2},
		{"accurate", 1},
		{"accurate", 2},
		{"paper", 1},
		{"paper", 2},
	} {
		b.Run(bench.preset+"/"+string(rune('0'+bench.threads)), func(b *testing.B) {
			m := noise(b, bench.preset)
			s := m.NewScorer(bench.threads)
			defer s.Close()
			x := randomClip(m)
			b.ReportAllocs()
			before := cpuSeconds(b)
			for b.Loop() {
				if _, err := s.Score(x, nil); err != nil {
					b.Fatal(err)
				}
			}
			work := m.FLOPs() * float64(b.N) / 1e9
			b.ReportMetric(work/b.Elapsed().Seconds(), "GFLOP/s")
			// On a shared machine, processor time is more meaningful than elapsed time.
			b.ReportMetric(work/(cpuSeconds(b)-before), "GFLOP/cpu-s")
		})
	}
}
