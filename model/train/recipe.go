package train

import (
	"fmt"
	"math"
	"strings"

	"vigil/model"
)

// Recipe is how a network is taught.
type Recipe struct {
	Name    string
	Epochs  int     // where nobody says how many
	Batch   int     // clips
	Stride  int     // frames between the starts of two clips
	Rate    float64 // of learning
	Decay   float64 // AdamW's, of everything but the memory's slots
	WarmUp  int     // steps over which the rate rises from 0
	Cosine  bool    // the rate then falls to 0 along a cosine
	Entropy float64 // the factor of the addressing's entropy in the loss
	Pseudo  float64 // the share of clips of which a part runs too fast
	Glide   float64 // the share of clips through which something glides
	Limit   float64 // of the squared error that a pseudo-anomaly is rewarded for
	Score   string  // the score that the weights are for, as in model.Spec
	Last    int     // likewise, the frames at a clip's end that are scored
}

// LocalSpeed, Glide and Paper are the recipes' names.
const (
	LocalSpeed = "local-speed"
	Glide      = "glide"
	Paper      = "paper"
)

// Recipes are those that have a name. Paper is the published one (Gong et al., ICCV 2019, and the authors' code).
// LocalSpeed makes a part of some clips run faster and unteaches what moves there, in the manner of Astrid et al.
// (STEAL Net), who speed up whole clips. Glide does that too, and unteaches what moves without moving its limbs: for
// places where people walk.
var Recipes = []Recipe{
	{
		Name: LocalSpeed, Epochs: 6, Batch: 4, Stride: 2, Rate: 1e-3, Decay: 1e-4, WarmUp: 50, Cosine: true,
		Entropy: 2e-4, Pseudo: 0.3, Limit: 0.2, Score: model.BlockMotion, Last: 4,
	},
	{
		Name: Glide, Epochs: 8, Batch: 4, Stride: 2, Rate: 1e-3, Decay: 1e-4, WarmUp: 50, Cosine: true,
		Entropy: 2e-4, Pseudo: 0.3, Glide: 0.2, Limit: 0.2, Score: model.BlockMotion, Last: 4,
	},
	{Name: Paper, Epochs: 100, Batch: 10, Stride: 1, Rate: 1e-4, Entropy: 2e-4, Score: model.MeanAbs},
}

// FindRecipe returns the recipe of that name; the error lists them all.
func FindRecipe(name string) (Recipe, error) {
	names := make([]string, len(Recipes))
	for i, r := range Recipes {
		if r.Name == name {
			return r, nil
		}
		names[i] = r.Name
	}
	return Recipe{}, fmt.Errorf("recipe %q is unknown, known are %s", name, strings.Join(names, ", "))
}

// rate is that of a step, counted from 0, of so many; 0 steps are not known yet. A short run warms up for a quarter of
// it.
func (r *Recipe) rate(step, steps int) float64 {
	warm := r.WarmUp
	if steps > 0 {
		warm = min(warm, steps/4)
	}
	if step < warm {
		return r.Rate * float64(step+1) / float64(warm)
	}
	if !r.Cosine || steps == 0 {
		return r.Rate
	}
	done := float64(step-warm) / float64(max(steps-warm, 1))
	return r.Rate * (1 + math.Cos(math.Pi*min(done, 1))) / 2
}
