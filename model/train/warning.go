package train

import "fmt"

// minUsefulAUC is the least AUC between held-out clips and the same with something wrong in them of weights that are worth
// anything. On the drawn street of 'vigil demo' 16 steps have .49 and up to 600 steps .66 at most, and nothing is
// found with them; 700 have .79, 1200 .89, and 4250 .94, which find 7 of 9 incidents.
const minUsefulAUC = 0.75

// Warning says in a sentence why the weights are not worth anything yet; "" where nothing says so. A run that was too
// short shows at held-out clips: those with something wrong in them score no higher than normal ones, though they are
// rebuilt as well as the end of a long run does. Where the recipe has no such clips, or none are held out, each clip
// must have been seen once at least.
func (r Result) Warning() string {
	switch {
	case r.Best != nil && r.Best.HasAUC():
		if r.Best.AUC < minUsefulAUC {
			return fmt.Sprintf(
				"%d steps have taught too little: held-out clips with something wrong in them score hardly higher "+
					"than normal ones, "+
					"AUC %.3g, must be at least %.3g", r.Steps, r.Best.AUC, minUsefulAUC)
		}
	case float64(r.Seen) < 0.95*float64(r.Clips): // the last clips of an epoch that fill no step are left out
		return fmt.Sprintf(
			"%d steps have taught too little: they have seen %.0f %% of the clips, must be all of them at least once",
			r.Steps,
			100*float64(r.Seen)/float64(max(r.Clips, 1)))
	}
	return ""
}
