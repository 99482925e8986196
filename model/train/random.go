package train

import (
	"math"
	"math/rand/v2"

	"vigil/model"
)

// The kinds of random draws. The generator of a draw depends on the seed, the kind and an index, so a resumed run
// needs no generator state, and no two draws share a generator.
const (
	rngInit       = 1 + iota // the weights
	rngSplit                 // the choice of held-out videos
	rngOrder                 // of the clips, by epoch
	rngPseudo                // pseudo-anomalies, by the clip's index in the run
	rngValidation            // pseudo-anomalies among the held-out clips, by clip
)

func rngFor(seed, kind, number uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, kind<<56^number))
}

// initDeviation is the standard deviation of the initial weights of convolutions and of batch norms' gamma.
const initDeviation = 0.02

// initialWeights draws the initial weights as the authors' code does: convolutions N(0, 0.02), gamma N(1, 0.02), slots
// uniform within ±1/sqrt(width). Biases are 0.
func initialWeights(spec model.Spec, seed uint64) (*model.Weights, error) {
	w, err := model.NewWeights(spec)
	if err != nil {
		return nil, err
	}
	r := rngFor(seed, rngInit, 0)
	draw := func(name string, centre float64) {
		values := w.Tensors[name].Float
		for i := range values {
			values[i] = float32(centre + initDeviation*r.NormFloat64())
		}
	}
	for _, l := range spec.Layers() {
		draw(l.Name+".weight", 0)
		if l.Norm != "" {
			draw(l.Norm+".weight", 1)
		}
	}
	width := 1 / math.Sqrt(float64(spec.Channels[3]))
	slots := w.Tensors[model.MemoryName].Float // none without a memory
	for i := range slots {
		slots[i] = float32((2*r.Float64() - 1) * width)
	}
	return w, nil
}
