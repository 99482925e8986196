package train

import "fmt"

// minUsefulAUC is the least AUC of useful weights between held-out clips and the same clips with a pseudo-anomaly. On
// the street of 'vigil demo', 16 steps reach .49 and 600 steps at most .66, and detect nothing; 700 steps reach .79,
// 1200 .89 and 4250 .94, which detect 7 of 9 incidents.
const minUsefulAUC = 0.75

// Warning explains why the weights are not useful yet; "" if nothing indicates this. After too few steps, held-out
// clips with pseudo-anomalies score hardly above normal ones, although they are reconstructed as well as after a long
// run. If the recipe has no pseudo-anomalies, or no clips are held out, each clip must have been seen at least once.
func (r Result) Warning() string {
	switch {
	case r.Best != nil && r.Best.HasAUC():
		if r.Best.AUC < minUsefulAUC {
			return fmt.Sprintf(
				"%d steps are too few: held-out clips with a pseudo-anomaly score hardly above normal ones, AUC %.3g, "+
					"need at least %.3g", r.Steps, r.Best.AUC, minUsefulAUC)
		}
	case float64(r.Seen) < 0.95*float64(r.Clips): // an incomplete batch at the end of an epoch is skipped
		return fmt.Sprintf("%d steps are too few: they saw %.0f %% of the clips, need all of them at least once",
			r.Steps, 100*float64(r.Seen)/float64(max(r.Clips, 1)))
	}
	return ""
}
