package train

import (
	"testing"

	"vigil/model"
)

// BenchmarkStep is a whole training step, from the clips to the changed weights.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		preset  string
		batch   int
		threads int
	}{{"micro", 4, 1}, {"fast", 4, 1}, {"fast", 4, 2}, {"small", 4, 2}, {"paper", 1, 2}} {
		b.Run(c.preset+"/"+string(rune('0'+c.threads)), func(b *testing.B) {
			spec, err := model.FindPreset(c.preset)
			if err != nil {
				b.Fatal(err)
			}
			w, err := initialWeights(spec, 1)
			if err != nil {
				b.Fatal(err)
			}
			n, err := newNetwork(w, c.batch, c.threads, 2e-4, 0.2)
			if err != nil {
				b.Fatal(err)
			}
			defer n.close()
			recipe := Recipes[0]
			recipe.Batch = c.batch
			s := newSampler(recipe, 1, newAugmenter(spec.Side, nil),
				[]segment{{gray: film("a", spec.Side, 100, 0).Gray, frames: 100}})
			opt := newAdam(n.params, n.pool, 1e-4)
			b.ReportAllocs()
			step := 0
			for b.Loop() {
				s.batch(step, n.x, n.mask)
				if err := n.run(); err != nil {
					b.Fatal(err)
				}
				n.updateRunningStats()
				if err := opt.update(n.params, 1e-4, step+1); err != nil {
					b.Fatal(err)
				}
				step++
			}
			b.ReportMetric(float64(c.batch)*float64(b.N)/b.Elapsed().Seconds(), "clips/s")
		})
	}
}
