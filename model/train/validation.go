package train

import (
	"context"
	"slices"

	"vigil/internal/roc"
	"vigil/model"
)

const (
	// maxValidationClips is the most clips that are scored, spread evenly over the held-out video.
	maxValidationClips = 48
	// validationStride is the least distance between them, in frames: closer clips add no information.
	validationStride = 4
)

// Validation is the result of scoring held-out clips.
type Validation struct {
	// Loss is the squared error of these clips as in training, in the recipe's mixture of normal and pseudo-anomalous
	// clips; for weights that score by the absolute error, that error. Lower is better; it can be negative.
	Loss float64 `json:"loss"`
	// Normal is the mean score of the normal clips, by the weights' own score.
	Normal float64 `json:"normal"`
	// Pseudo is the mean score of the same clips with a pseudo-anomaly each. AUC is the probability that one of them
	// scores above a normal one. Both are 0 and meaningless if PseudoClips is 0.
	Pseudo float64 `json:"pseudo"`
	AUC    float64 `json:"auc"`
	// PseudoClips is the number of held-out clips with a pseudo-anomaly: 0 if the recipe has none or nothing moved.
	// Checkpoints of older versions lack it.
	PseudoClips int `json:"pseudo_clips"`
}

// HasAUC reports whether AUC is valid; 0 is a valid value.
func (a Validation) HasAUC() bool { return a.PseudoClips > 0 || a.AUC > 0 }

// atLeastAsGoodAs reports whether a replaces the older b as the best.
func (a Validation) atLeastAsGoodAs(b Validation) bool { return a.Loss <= b.Loss }

// validationSet holds the held-out clips.
type validationSet struct {
	recipe    Recipe
	seed      uint64
	segments  []segment
	starts    []clipStart
	augmenter *augmenter
	x, mask   []float32
}

func newValidationSet(recipe Recipe, seed uint64, augmenter *augmenter, held []segment) *validationSet {
	side := augmenter.side
	h := &validationSet{recipe: recipe, seed: seed, segments: held, augmenter: augmenter}
	h.x, h.mask = make([]float32, model.Frames*side*side), make([]float32, side*side)
	all := clipStarts(held, validationStride)
	for i := range min(len(all), maxValidationClips) {
		h.starts = append(h.starts, all[i*len(all)/min(len(all), maxValidationClips)])
	}
	return h
}

// evaluate scores the clips. It always uses the same clips and pseudo-anomalies. With a large network this takes a
// minute, so it stops when ctx ends.
func (h *validationSet) evaluate(ctx context.Context, w *model.Weights, threads int) (Validation, error) {
	m, err := model.New(w)
	if err != nil {
		return Validation{}, err
	}
	scorer := m.NewScorer(threads)
	defer scorer.Close()
	// Scores and losses of normal clips and of pseudo-anomalies.
	var scores, losses [2][]float64
	score := func(kind int, background []float32) error {
		s, err := scorer.ScoreOn(h.x, nil, background)
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
		var background []float32
		if from.place != nil {
			background = from.place.scaled
		}
		h.augmenter.writeNormal(from, at.frame, h.x, h.mask)
		if err := score(0, background); err != nil {
			return Validation{}, err
		}
		r := rngFor(h.seed, rngValidation, uint64(i))
		// Without motion, speeding up changes nothing.
		if h.recipe.Pseudo > 0 && h.augmenter.writeFast(r, from, at.frame, h.x, h.mask) && slices.Contains(h.mask, 1) {
			if err := score(1, background); err != nil {
				return Validation{}, err
			}
		}
	}
	validation := Validation{
		Loss: mean(losses[0]), Normal: mean(scores[0]), Pseudo: mean(scores[1]),
		AUC: auc(scores[1], scores[0]),
	}
	validation.PseudoClips = len(scores[1])
	if len(losses[1]) > 0 {
		validation.Loss = (1-h.recipe.Pseudo)*validation.Loss + h.recipe.Pseudo*mean(losses[1])
	}
	return validation, nil
}

// loss is the mean over a clip's error map, negated where the mask is set. The map is a mean over the frames, so the
// limit applies to that mean.
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

// auc is the share of pairs in which the first scores above the second, with ties counting half; 0 without any pair.
func auc(high, low []float64) float64 {
	return roc.Wins(roc.Counts(high, low)) / max(float64(len(high)*len(low)), 1)
}
