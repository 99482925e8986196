package train

import (
	"errors"
	"fmt"
	"time"

	"vigil/model"
)

// Options choose the network and the recipe of a run by name; what is nil or 0 is the preset's or the recipe's. Errors
// name them like the flags of 'vigil train'.
type Options struct {
	Preset     string
	Side       int
	Addressing string
	Slots      *int
	Lambda     *float64
	Recipe     string
	Pseudo     *float64 // share of clips of which a part runs too fast
	Glide      *float64 // share of clips through which something glides
	Last       *int     // frames at a clip's end that are scored; 0 for all
	Epochs     int
	Minutes    float64
}

// Apply checks the options and sets the configuration's network, recipe and length.
func (o *Options) Apply(c *Config) error {
	recipe, err := FindRecipe(o.Recipe)
	if err != nil {
		return fmt.Errorf("--recipe: %w", err)
	}
	switch {
	case o.Epochs < 0:
		return fmt.Errorf("--epochs: is %d, must not be negative", o.Epochs)
	case !(o.Minutes >= 0 && o.Minutes <= 60*24*365):
		return fmt.Errorf("--minutes: is %g, must be from 0 to a year", o.Minutes)
	case o.Epochs > 0 && o.Minutes > 0:
		return errors.New("--epochs and --minutes: give only one of them")
	}
	c.Epochs, c.Budget = o.Epochs, time.Duration(o.Minutes*float64(time.Minute))
	if c.Spec, err = o.spec(); err != nil {
		return err
	}
	if c.Recipe, err = o.adapt(recipe); err != nil {
		return err
	}
	return c.Spec.Validate()
}

func (o *Options) spec() (model.Spec, error) {
	spec, err := model.FindPreset(o.Preset)
	if err != nil {
		return spec, fmt.Errorf("--preset: %w", err)
	}
	if o.Side != 0 && o.Side != spec.Side {
		spec.Side, spec.Preset = o.Side, ""
	}
	spec.Addressing = o.Addressing
	if o.Slots != nil && *o.Slots != spec.Slots {
		spec.Slots, spec.Lambda, spec.Preset = *o.Slots, 0, ""
		if spec.Slots > 0 {
			spec.Lambda = 1 / float64(spec.Slots)
		}
	}
	if o.Lambda != nil {
		spec.Lambda = *o.Lambda
	}
	return spec, nil
}

// adapt changes a recipe, and its name, which weights and checkpoints keep.
func (o *Options) adapt(r Recipe) (Recipe, error) {
	if o.Pseudo != nil {
		if !(*o.Pseudo >= 0 && *o.Pseudo <= 1) {
			return r, fmt.Errorf("--pseudo: is %g, must be from 0 to 1", *o.Pseudo)
		}
		r.Pseudo = *o.Pseudo
		r.Name += fmt.Sprintf(", pseudo %g", r.Pseudo)
	}
	if o.Glide != nil {
		if !(*o.Glide >= 0 && *o.Glide <= 1) {
			return r, fmt.Errorf("--glide: is %g, must be from 0 to 1", *o.Glide)
		}
		r.Glide = *o.Glide
		r.Name += fmt.Sprintf(", glide %g", r.Glide)
	}
	if r.Pseudo+r.Glide > 1 {
		return r, fmt.Errorf("--pseudo and --glide: are %g and %g of the clips, together must be at most 1", r.Pseudo,
			r.Glide)
	}
	if o.Last != nil {
		if *o.Last < 0 || *o.Last > model.Frames {
			return r, fmt.Errorf("--last: is %d, must be from 1 to %d, or 0 for all", *o.Last, model.Frames)
		}
		r.Last = *o.Last
	}
	return r, nil
}
