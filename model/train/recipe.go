package train

import (
	"fmt"
	"math"
	"strings"

	"vigil/model"
)

// Recipe is a training method with its hyper-parameters.
type Recipe struct {
	Name    string
	Epochs  int     // default number
	Batch   int     // clips
	Stride  int     // frames between the starts of two clips
	Rate    float64 // of learning
	Decay   float64 // AdamW's, of all parameters except the memory's slots
	WarmUp  int     // steps over which the rate rises from 0
	Cosine  bool    // the rate then falls to 0 along a cosine
	Entropy float64 // the factor of the addressing's entropy in the loss
	Pseudo  float64 // share of clips in which a part plays too fast
	Glide   float64 // share of clips with a gliding object
	Limit   float64 // of the squared error that is rewarded on pseudo-anomalies
	Score   string  // the score that the weights are for, as in model.Spec
	Last    int     // the number of frames at a clip's end that are scored, as in model.Spec
}

// LocalSpeed, Glide and Paper are the recipes' names.
const (
	LocalSpeed = "local-speed"
	Glide      = "glide"
	Paper      = "paper"
)

// Recipes are the named recipes. Paper is the published one (Gong et al., ICCV 2019, and the authors' code). LocalSpeed
// speeds up a part of some clips and penalises a good reconstruction of what moves there, after Astrid et al. (STEAL
// Net), who speed up whole clips. Glide does this too, and also penalises objects that move without moving their limbs:
// for scenes where people walk.
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

// DefaultFPS is how many frames a second of the videos a network learns, if nothing else is asked for.
const DefaultFPS = 10

// FindRecipe returns the recipe with that name; the error lists all names.
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

// rate is the learning rate of a step, counted from 0; steps is the total, 0 while it is unknown. A short run warms up
// for a quarter of its steps.
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
