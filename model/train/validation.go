package train

import (
	"context"
	"slices"

	"vigil/model"
)

const (
	// maxValidationClips is how many clips are watched at most, spread over all that is held out.
	maxValidationClips = 48
	// validationStride is from one of them to the next at least, in frames: nearer ones say the same.
	validationStride = 4
)

// Validation is how the weights do on held-out clips.
type Validation struct {
	// Loss is what training would call the squared error of these clips, in the recipe's mixture of normal and
	// pseudo-anomalous ones; for weights that score by the absolute error, that. The lower the better; it can be
	// negative.
	Loss float64 `json:"loss"`
	// Normal is the mean score of the normal clips, in the form that the weights are for.
	Normal float64 `json:"normal"`
	// Pseudo is the mean score of the same clips with a pseudo-anomaly in each, and AUC the chance that one of those
	// scores above a normal one. Both mean nothing, and are 0, where PseudoClips is 0.
	Pseudo float64 `json:"pseudo"`
	AUC    float64 `json:"auc"`
	// PseudoClips is how many of the held-out clips have a pseudo-anomaly: none where the recipe has none or nothing
	// moved in any. Checkpoints of older versions do not say it.
	PseudoClips int `json:"pseudo_clips"`
}

// HasAUC says whether there is an AUC; one of 0 is as much a figure as any other.
func (a Validation) HasAUC() bool { return a.PseudoClips > 0 || a.AUC > 0 }

// atLeastAsGoodAs says whether a is to be kept rather than b, which is older.
func (a Validation) atLeastAsGoodAs(b Validation) bool { return a.Loss <= b.Loss }

// validationSet are the clips that are watched.
type validationSet struct {
	recipe    Recipe
	seed      uint64
	segments  []segment
	starts    []clipStart
	augmenter *augmenter
	x, mask   []float32
}

func newValidationSet(recipe Recipe, seed uint64, faker *augmenter, held []segment) *validationSet {
	side := faker.side
	h := &validationSet{recipe: recipe, seed: seed, segments: held, augmenter: faker}
	h.x, h.mask = make([]float32, model.Frames*side*side), make([]float32, side*side)
	all := clipStarts(held, validationStride)
	for i := range min(len(all), maxValidationClips) {
		h.starts = append(h.starts, all[i*len(all)/min(len(all), maxValidationClips)])
	}
	return h
}

// evaluate scores the clips. It is always the same clips with the same pseudo-anomalies. With a large network that takes
// a minute, so it ends with ctx.
func (h *validationSet) evaluate(ctx context.Context, w *model.Weights, threads int) (Validation, error) {
	m, err := model.New(w)
	if err != nil {
		return Validation{}, err
	}
	scorer := m.NewScorer(threads)
	defer scorer.Close()
	// Scores and losses, of normal clips and of pseudo-anomalies.
	var scores, losses [2][]float64
	score := func(kind int) error {
		s, err := scorer.Score(h.x, nil)
		if err != nil {
			return err
		}
		scores[kind] = append(scores[kind], s.Error)
		losses[kind] = append(losses[kind], h.loss(s.Map))
		return nil
	}
	for i, at := range h.starts {
		if err := ctx.Err(); err != nil {
			return Validation{}, err
		}
		from := h.segments[at.segment]
		h.augmenter.writeNormal(from, at.frame, h.x, h.mask)
		if err := score(0); err != nil {
			return Validation{}, err
		}
		r := rngFor(h.seed, rngValidation, uint64(i))
		// Where nothing moves, faster is the same.
		if h.recipe.Pseudo > 0 && h.augmenter.writeFast(r, from, at.frame, h.x, h.mask) && slices.Contains(h.mask, 1) {
			if err := score(1); err != nil {
				return Validation{}, err
			}
		}
	}
	watch := Validation{
		Loss: mean(losses[0]), Normal: mean(scores[0]), Pseudo: mean(scores[1]),
		AUC: auc(scores[1], scores[0]),
	}
	watch.PseudoClips = len(scores[1])
	if len(losses[1]) > 0 {
		watch.Loss = (1-h.recipe.Pseudo)*watch.Loss + h.recipe.Pseudo*mean(losses[1])
	}
	return watch, nil
}

// loss is the mean over a clip's map of errors, with the sign turned where the mask says so. The map is a mean over
// the frames, so the limit is that of the mean.
func (h *validationSet) loss(errs []float32) float64 {
	var sum float64
	for i, v := range errs {
		if h.mask[i] != 0 {
			v = -min(v, float32(h.recipe.Limit))
		}
		sum += float64(v)
	}
	return sum / float64(len(errs))
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
