package train

import "vigil/model"

// sampler yields the clips of a run: each clip once per epoch, in a random order.
type sampler struct {
	recipe    Recipe
	seed      uint64
	segments  []segment
	starts    []clipStart
	augmenter *augmenter
	epoch     int
	order     []int // of epoch
}

func newSampler(recipe Recipe, seed uint64, augmenter *augmenter, learn []segment) *sampler {
	return &sampler{
		recipe: recipe, seed: seed, segments: learn, starts: clipStarts(learn, recipe.Stride),
		augmenter: augmenter, epoch: -1,
	}
}

// batch writes the clips of a step, counted from 0.
func (s *sampler) batch(step int, x, mask []float32) {
	area := s.augmenter.side * s.augmenter.side
	for i := range s.recipe.Batch {
		s.clip(step*s.recipe.Batch+i, x[i*model.Frames*area:][:model.Frames*area], mask[i*area:][:area])
	}
}

// clip writes the n-th clip of the run.
func (s *sampler) clip(n int, x, mask []float32) {
	if epoch := n / len(s.starts); epoch != s.epoch {
		s.epoch, s.order = epoch, rngFor(s.seed, rngOrder, uint64(epoch)).Perm(len(s.starts))
	}
	at := s.starts[s.order[n%len(s.starts)]]
	from := s.segments[at.segment]
	r := rngFor(s.seed, rngPseudo, uint64(n))
	draw, made := r.Float64(), false
	switch {
	case draw < s.recipe.Glide:
		made = s.augmenter.writeGlide(r, from, at.frame, x, mask)
	case draw < s.recipe.Glide+s.recipe.Pseudo:
		made = s.augmenter.writeFast(r, from, at.frame, x, mask)
	}
	if !made {
		s.augmenter.writeNormal(from, at.frame, x, mask)
	}
}
