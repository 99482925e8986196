package pipeline

import (
	"fmt"
	"math"
	"time"

	"vigil/alerts"
	"vigil/pipeline/calibrate"
	"vigil/video"
)

const (
	// rateDoubt is how far the rate may be from the calibration's, as a share of that, before there is a warning;
	// beyond calibrate.RateTolerance alerts are held.
	rateDoubt = 0.1

	// judgeRate is how often the rate is looked at while it fits, and retryRate while it does not, in stream time: a
	// camera at the border does not change its state all the time.
	judgeRate = 10 * time.Second
	retryRate = time.Minute
)

// fit is what is known of how well a camera's calibration fits what it sends.
type fit struct {
	key    calibrate.Key
	live   bool
	meter  rateMeter
	judged bool          // since the source was opened
	next   time.Duration // the meter's total at which the rate is judged again
	warned float64       // the rate that was warned of last
	rate   float64       // the rate that does not fit; 0 for none

	wrongRate, wrongSize string // in words; "" where they fit
}

// reopened says that the source was opened again: the rate is measured anew, and until it is known what was known last
// is believed.
func (f *fit) reopened() { f.meter, f.judged, f.next = rateMeter{}, false, 0 }

// size takes the size of a picture.
func (f *fit) size(width, height int) {
	f.wrongSize = ""
	if width != f.key.Width || height != f.key.Height {
		f.wrongSize = fmt.Sprintf("picture size is %dx%d, calibrated for %dx%d", width, height, f.key.Width,
			f.key.Height)
	}
}

// apart says how far two rates are from each other, as a share of the calibration's.
func (f *fit) apart(a, b float64) float64 { return math.Abs(a-b) / f.key.FPS }

// judge looks at the rate where it is known and due; done says that a recording is over, so that no more will be
// known. It returns the rate that is worth a warning, though it fits; 0 for none.
func (f *fit) judge(done bool) (warn float64) {
	even := evenSpan
	if !f.live {
		even = 0 // what a recording says of its times is all there is to know
	}
	rate, known := f.meter.rate(even)
	if !known && !(done && rate > 0) || f.judged && f.meter.total < f.next && !done {
		return 0
	}
	f.judged, f.next = true, f.meter.total+judgeRate
	off := f.apart(rate, f.key.FPS)
	if off > calibrate.RateTolerance {
		f.next = f.meter.total + retryRate
		if f.wrongRate == "" || f.apart(rate, f.rate) > rateDoubt {
			f.rate = rate
			f.wrongRate = fmt.Sprintf("frame rate is %.4g, calibrated for %.4g", rate, f.key.FPS)
		}
		return 0
	}
	f.rate, f.wrongRate = 0, ""
	if off > rateDoubt && (f.warned == 0 || f.apart(rate, f.warned) > rateDoubt) {
		f.warned = rate
		return rate
	}
	return 0
}

// early says whether a clip of a few pictures may be judged while the rate is not known. A live camera's calibration
// is believed until then; a recording's pictures must not say otherwise, since the next ones may make an error of it.
func (f *fit) early(fps float64) bool {
	return f.live || f.judged || f.apart(fps, f.key.FPS) <= calibrate.RateTolerance
}

// checkCalibration checks the calibration against what the source really delivers. For a recording that it does not
// fit there is an error; a live camera is watched on, its state says why, and held says that its clips are scored and
// no more.
func (w *reader) checkCalibration(c *video.Cuboid) (held bool, err error) {
	if w.fit == nil {
		return false, nil
	}
	w.fit.size(c.Width, c.Height)
	if err := w.checkFit(false); err != nil {
		return false, err
	}
	return w.fit.wrongSize != "" || w.fit.wrongRate != "" || c.Pictures < video.CuboidFrames && !w.fit.early(c.FPS()),
		nil
}

// checkFit looks at size and rate, and says what it thinks of them. done says that a recording is over.
func (w *reader) checkFit(done bool) error {
	f := w.fit
	if f == nil {
		return nil
	}
	if rate := f.judge(done); rate > 0 {
		w.log.Warn("the frame rate is not the calibration's, alerts may be too many or too few", "fps",
			fmt.Sprintf("%.4g", rate),
			"calibrated_fps", fmt.Sprintf("%.4g", f.key.FPS))
	}
	if !w.Live {
		var why []string
		for _, s := range []string{f.wrongSize, f.wrongRate} {
			if s != "" {
				why = append(why, s)
			}
		}
		return w.Threshold.Calibration.MismatchError(why)
	}
	w.health.note(alerts.StateSizeMismatch, f.wrongSize)
	w.health.note(alerts.StateRateMismatch, f.wrongRate)
	return nil
}
