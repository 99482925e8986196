package pipeline

import (
	"fmt"
	"math"
	"time"

	"vigil/alerts"
	"vigil/internal/errcode"
	"vigil/pipeline/calibrate"
	"vigil/video"
)

const (
	// rateWarning is how far the rate may be from the calibration's, as a share of that, without a warning; beyond
	// calibrate.RateTolerance alerts are held.
	rateWarning = 0.1

	// rateInterval is the interval of rate checks in stream time while the rate fits, and mismatchInterval while it
	// does not, so that a camera near the limit does not change its state all the time.
	rateInterval     = 10 * time.Second
	mismatchInterval = time.Minute
)

// setCalibration derives from the camera's calibration what is checked of the source, and what of it is shown. The
// source, if it is open, stays the same.
func (r *reader) setCalibration() {
	before := r.fit
	r.fit = nil
	if cal := r.Threshold.Calibration; cal != nil && r.Uncalibrated == "" {
		r.fit = &fit{key: cal.Key, live: r.Live}
		if before != nil {
			r.fit.meter = before.meter
		}
		if info := r.stats.info.Load(); info != nil {
			r.expectRate(info.FPS)
		}
	} else {
		r.health.setNote(alerts.StateSizeMismatch, "")
		r.health.setNote(alerts.StateRateMismatch, "")
	}
	r.health.setNote(alerts.StateUncalibrated, r.Uncalibrated)
	r.health.setRemark(r.remark())
}

// expectRate holds the alerts of a live camera for which another rate is configured than for its calibration, until its
// rate is known: so many frames a second it declares.
func (r *reader) expectRate(declared float64) {
	calibrated := 0.0 // every frame
	if rate := r.Threshold.Calibration.Rate; rate != nil {
		calibrated = *rate
	}
	if !r.Live || r.FPS == calibrated {
		return
	}
	rate := declared
	if r.FPS > 0 && (declared <= 0 || r.FPS < declared) {
		rate = r.FPS
	}
	if r.fit.expect(rate) {
		r.health.setNote(alerts.StateRateMismatch, r.mismatch(r.fit.wrongRate))
	}
}

// mismatch returns the detail of a mismatch with what mends it; "" for none.
func (r *reader) mismatch(why string) string {
	if why == "" || r.Recalibrate == "" {
		return why
	}
	return why + "; " + r.Recalibrate
}

// fit tracks whether a camera's calibration fits its source.
type fit struct {
	key     calibrate.Key
	live    bool
	meter   rateMeter
	checked bool          // the rate was checked since the source was opened
	known   bool          // the rate was checked at all
	next    time.Duration // the meter's total at the next check
	warned  float64       // rate of the last warning
	rate    float64       // rate that does not fit; 0 for none

	wrongRate, wrongSize string // description; "" if they fit
}

// reopened restarts the measurement. Until the rate is known again, the last result stays valid.
func (f *fit) reopened() { f.meter, f.checked, f.next = rateMeter{}, false, 0 }

// size checks the size of a picture.
func (f *fit) size(width, height int) {
	f.wrongSize = ""
	if width != f.key.Width || height != f.key.Height {
		f.wrongSize = fmt.Sprintf("picture size is %dx%d, calibrated for %dx%d", width, height, f.key.Width,
			f.key.Height)
	}
}

// difference returns the difference of two rates, as a share of the calibration's.
func (f *fit) difference(a, b float64) float64 { return math.Abs(a-b) / f.key.FPS }

// expect sets the rate that is to be expected until it is measured; it reports whether that does not fit.
func (f *fit) expect(rate float64) bool {
	if _, measured := f.meter.rate(evenSpan); measured || f.known || rate <= 0 ||
		f.difference(rate, f.key.FPS) <= calibrate.RateTolerance {
		return false
	}
	f.rate = rate
	f.wrongRate = fmt.Sprintf("frame rate is %.4g, calibrated for %.4g", rate, f.key.FPS)
	return true
}

// checkRate checks the rate if it is known and a check is due; done means that a recording is over, so that no more
// will be known. It returns a rate that fits but is worth a warning; 0 for none.
func (f *fit) checkRate(done bool) (warn float64) {
	even := evenSpan
	if !f.live {
		even = 0 // a recording has nothing but its time stamps to tell its rate
	}
	rate, known := f.meter.rate(even)
	if !known && !(done && rate > 0) || f.checked && f.meter.total < f.next && !done {
		return 0
	}
	f.checked, f.known, f.next = true, true, f.meter.total+rateInterval
	off := f.difference(rate, f.key.FPS)
	if off > calibrate.RateTolerance {
		f.next = f.meter.total + mismatchInterval
		if f.wrongRate == "" || f.difference(rate, f.rate) > rateWarning {
			f.rate = rate
			f.wrongRate = fmt.Sprintf("frame rate is %.4g, calibrated for %.4g", rate, f.key.FPS)
		}
		return 0
	}
	f.rate, f.wrongRate = 0, ""
	if off > rateWarning && (f.warned == 0 || f.difference(rate, f.warned) > rateWarning) {
		f.warned = rate
		return rate
	}
	return 0
}

// trustPartial reports whether a partial clip may be used while the rate is unknown. A live camera's calibration is
// trusted until then; a recording's pictures must already fit, since later ones may turn a mismatch into an error.
func (f *fit) trustPartial(fps float64) bool {
	return f.live || f.checked || f.difference(fps, f.key.FPS) <= calibrate.RateTolerance
}

// checkCalibration checks the calibration against what the source delivers. A mismatch is an error for a recording. A
// live camera goes on with the mismatch as its state, and held means that its clips are scored but raise no event.
func (r *reader) checkCalibration(c *video.Cuboid) (held bool, err error) {
	if r.fit == nil || r.Uncalibrated != "" {
		return r.Uncalibrated != "", nil
	}
	r.fit.size(c.Width, c.Height)
	if err := r.checkFit(false); err != nil {
		return false, err
	}
	return r.fit.wrongSize != "" || r.fit.wrongRate != "" ||
			c.Pictures < video.CuboidFrames && !r.fit.trustPartial(c.FPS()),
		nil
}

// checkFit checks size and rate, and reports mismatches. done means that a recording is over.
func (r *reader) checkFit(done bool) error {
	f := r.fit
	if f == nil || r.Uncalibrated != "" {
		return nil
	}
	if rate := f.checkRate(done); rate > 0 {
		r.log.Warn("the frame rate is not the calibration's, alerts may be too many or too few", "fps",
			fmt.Sprintf("%.4g", rate),
			"calibrated_fps", fmt.Sprintf("%.4g", f.key.FPS), errcode.Key, errcode.CameraRateMismatch)
	}
	if !r.Live {
		var why []string
		for _, s := range []string{f.wrongSize, f.wrongRate} {
			if s != "" {
				why = append(why, s)
			}
		}
		return r.Threshold.Calibration.MismatchError(why)
	}
	r.health.setNote(alerts.StateSizeMismatch, r.mismatch(f.wrongSize))
	r.health.setNote(alerts.StateRateMismatch, r.mismatch(f.wrongRate))
	return nil
}
