package train

import (
	"slices"

	"vigil/model"
)

// heldClips is how many clips are watched at most, spread over all that is held out.
const heldClips = 48

// Watch is how the weights do on held-out normal clips, in the score that they are for.
type Watch struct {
	Normal float64 `json:"normal"` // the mean score of the normal clips
	// Pseudo is the mean score of the same clips with a pseudo-anomaly in each, and AUC the chance that one of those scores above a
	// normal one. Both are 0 where the recipe has no pseudo-anomalies or nothing moved in any.
	Pseudo float64 `json:"pseudo"`
	AUC    float64 `json:"auc"`
}

// better says whether a is to be kept rather than b. What tells pseudo-anomalies from normal clips best is best; without any, what
// rebuilds the normal clips best.
func (a Watch) better(b Watch) bool {
	if a.AUC != b.AUC {
		return a.AUC > b.AUC
	}
	return a.Normal <= b.Normal
}

// heldOut are the clips that are watched.
type heldOut struct {
	recipe    Recipe
	seed      uint64
	stretches []stretch
	starts    []start
	faker     *faker
	x, mask   []float32
}

func newHeldOut(recipe Recipe, seed uint64, side int, held []stretch) *heldOut {
	h := &heldOut{recipe: recipe, seed: seed, stretches: held, faker: newFaker(side)}
	h.x, h.mask = make([]float32, model.Frames*side*side), make([]float32, side*side)
	all := starts(held, 1)
	for i := range min(len(all), heldClips) {
		h.starts = append(h.starts, all[i*len(all)/min(len(all), heldClips)])
	}
	return h
}

// watch scores the clips. It is always the same clips with the same pseudo-anomalies.
func (h *heldOut) watch(w *model.Weights, threads int) (Watch, error) {
	m, err := model.New(w)
	if err != nil {
		return Watch{}, err
	}
	scorer := m.NewScorer(threads)
	defer scorer.Close()
	var normal, pseudo []float64
	score := func(to *[]float64) error {
		s, err := scorer.Score(h.x, nil)
		*to = append(*to, s.Error)
		return err
	}
	for i, at := range h.starts {
		from := h.stretches[at.stretch]
		h.faker.normal(from, at.frame, h.x, h.mask)
		if err := score(&normal); err != nil {
			return Watch{}, err
		}
		r := chance(h.seed, chanceHeld, uint64(i))
		// Where nothing moves, faster is the same.
		if h.recipe.Pseudo > 0 && h.faker.fast(r, from, at.frame, h.x, h.mask) && slices.Contains(h.mask, 1) {
			if err := score(&pseudo); err != nil {
				return Watch{}, err
			}
		}
	}
	return Watch{Normal: mean(normal), Pseudo: mean(pseudo), AUC: auc(pseudo, normal)}, nil
}

func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / max(float64(len(values)), 1)
}

// auc is the share of pairs in which the first scores above the second, half for a tie; 0 without any pair.
func auc(high, low []float64) float64 {
	var won float64
	for _, a := range high {
		for _, b := range low {
			switch {
			case a > b:
				won++
			case a == b:
				won += 0.5
			}
		}
	}
	return won / max(float64(len(high)*len(low)), 1)
}
