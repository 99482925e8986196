package detect

import "math"

// Regularity maps a raw error to [0, 1]: 1 is as normal as this camera gets, 0 is as far above the threshold as the
// threshold is above lo. It is 1 - (e - lo) / (2·(theta - lo)), clamped, so that theta always maps to 0.5, whatever the
// camera and the model. It is MemAE's regularity (Gong et al., ICCV 2019, section 3.4) with the extremes of the test
// video replaced by two constants learned from normal video, since a live stream has no end.
//
// lo must be below theta. A NaN error gives NaN.
func Regularity(e, lo, theta float64) float64 {
	r := 1 - (e-lo)/(2*(theta-lo))
	return math.Max(0, math.Min(1, r))
}
