package detect

// Measure is a way to turn a reconstruction into an error.
type Measure string

// The measures. Motion and Appearance are of one reconstruction, see model.Score.
const (
	Mean       Measure = "mean"       // model.MeanAbs: the whole picture
	Motion     Measure = "motion"     // model.BlockMotion: what moves
	Appearance Measure = "appearance" // model.BlockSq: also what stands still
)

// Reading is a clip's error by one measure.
type Reading struct {
	Measure Measure // "" for none
	Error   float64 // with the calibration's SensitivityMap applied
	Raw     float64 // as the model computed it
	// Cells has the highest window errors of each cell, see model.Score; nil if the measure has no windows. It is valid
	// only during the call.
	Cells []float32
}

// Scale is a camera's scale of a measure's errors: Lo is the low end of normal ones, Theta the threshold.
type Scale struct {
	Measure   Measure
	Lo, Theta float64
}

// Excess is how far an error is above lo, as a multiple of the threshold's distance: 0 at lo, 1 at theta. A clip's
// regularity is 1 - Excess/2, clamped.
func (s Scale) Excess(e float64) float64 { return (e - s.Lo) / (s.Theta - s.Lo) }

// Read returns the clip's reading by a measure, "" for the first one; false if it has none.
func (c *Clip) Read(m Measure) (Reading, bool) {
	for _, r := range c.Readings {
		if r.Measure == m || m == "" {
			return r, true
		}
	}
	return Reading{}, false
}

// ApplyScales sets Error, Regularity, Excess and Cause by the measure that is farthest above its scale; among equals by
// the first. Without a scale that fits, Error is the first reading's.
func (c *Clip) ApplyScales(scales []Scale) {
	first := true
	c.Error, c.Cause, c.Excess = c.Readings[0].Error, c.Readings[0].Measure, 0
	for _, s := range scales {
		r, ok := c.Read(s.Measure)
		if !ok {
			continue
		}
		if excess := s.Excess(r.Error); first || excess > c.Excess {
			c.Error, c.Regularity, c.Excess, c.Cause = r.Error, Regularity(r.Error, s.Lo, s.Theta), excess, r.Measure
			first = false
		}
	}
}
