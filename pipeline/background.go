package pipeline

import (
	"fmt"

	"vigil/model"
)

// background returns the camera's background, [S][S] in [-1, 1]; nil for the model's own.
func (c *Camera) background() []float32 {
	switch {
	case !c.Model.NeedsBackground():
		return nil
	case c.Background != nil:
		return c.Background
	case c.Sensitivity != nil && c.Sensitivity.Background != nil:
		return c.Sensitivity.Background.Scaled()
	case c.Threshold.Calibration != nil:
		return c.Threshold.Calibration.Background.Scaled()
	}
	return nil
}

// LacksBackground reports whether the model cannot score the camera's clips, since it knows no place and nothing shows
// it this one.
func (c *Camera) LacksBackground() bool { return c.Model.NeedsBackground() && c.background() == nil }

// checkBackground returns an error if the model cannot score the camera's clips without a background.
func (c *Camera) checkBackground() error {
	if !c.Model.NeedsBackground() {
		return nil
	}
	side := c.Model.Spec().Side
	switch n := len(c.background()); n {
	case side * side:
		return nil
	case 0:
		return model.ErrNoBackground
	default:
		return fmt.Errorf("the calibration's background has %d pixels, the model's picture %d x %d", n, side, side)
	}
}
