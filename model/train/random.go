package train

import (
	"math"
	"math/rand/v2"

	"vigil/model"
)

// What is drawn by chance. The generator of a draw is made from the seed, the kind and a running number, so a resumed
// run needs no generator's state, and two draws never share one.
const (
	rngInit       = 1 + iota // the weights
	rngSplit                 // which videos are held out
	rngOrder                 // of the clips, by epoch
	rngPseudo                // pseudo-anomalies, by the clip's place in the run
	rngValidation            // pseudo-anomalies among the held-out clips, by clip
)

func rngFor(seed, kind, number uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, kind<<56^number))
}

// initDeviation is that of convolutions and of batch norms' gamma at the start.
const initDeviation = 0.02

// initialWeights draws the weights that training starts from, as the authors' code does: convolutions N(0, 0.02), gamma N(1,
// 0.02), slots uniform within ±1/sqrt(width). Biases are 0.
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
