package batch

import (
	"fmt"
	"math"
	"time"

	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
	"vigil/video"
)

// normalVideo holds the scores of normal video, of one source or of several.
type normalVideo struct {
	clips         calibrate.NormalScores
	settling      calibrate.NormalFilter // of one source
	left          calibrate.Excluded     // of several, and one source's clips of another size
	width, height int
	rate          float64       // of the first clip
	steps         int           // from one frame of a clip to the next, in all clips
	time          time.Duration // their total duration
	span          rateSpan      // of one source
}

// rateSpan detects a lasting change of a camera's frame rate.
type rateSpan struct {
	steps, all      int           // of the current span, and of all
	time, allTime   time.Duration // durations of these
	lowest, highest float64       // mean rates over a spanTime; 0 for none
}

// spanTime is the interval of a rate measurement: that of a single clip fluctuates with the pictures' arrival.
const spanTime = time.Minute

func (s *rateSpan) add(steps int, took time.Duration) {
	s.steps, s.all = s.steps+steps, s.all+steps
	s.time, s.allTime = s.time+took, s.allTime+took
	if s.time < spanTime {
		return
	}
	rate := float64(s.steps) / s.time.Seconds()
	if s.lowest == 0 || rate < s.lowest {
		s.lowest = rate
	}
	s.highest = max(s.highest, rate)
	s.steps, s.time = 0, 0
}

// warning reports that the rate deviated from the mean, which a calibration is for, for a while; "" if it did not.
func (s *rateSpan) warning() string {
	const within = calibrate.RateTolerance // the limit above which vigil run holds alerts
	fps := float64(s.all) / s.allTime.Seconds()
	if s.lowest == 0 || s.highest <= fps*(1+within) && s.lowest >= fps*(1-within) {
		return ""
	}
	return fmt.Sprintf(
		"the frame rate was from %.3g to %.3g a second, and the calibration is for %.3g: alerts are held where it is "+
			"over a quarter off; "+
			"calibrate while the camera has one rate, or set fps to one that it always has", s.lowest, s.highest, fps)
}

func (n *normalVideo) add(c detect.Clip) {
	if n.width == 0 {
		n.width, n.height, n.rate = c.Width, c.Height, c.FPS
	}
	if n.settling.Accept(&c) {
		n.clips.Add(c)
	}
	n.steps += video.CuboidFrames - 1
	n.time += c.Last.PTS - c.First.PTS
	n.span.add(video.CuboidFrames-1, c.Last.PTS-c.First.PTS)
}

// isOther reports whether a live camera's picture has another size than its first, as by night. Such clips are left
// out.
func (n *normalVideo) isOther(c detect.Clip) bool {
	return n.width != 0 && (c.Width != n.width || c.Height != n.height)
}

// pace records the rate that the model saw of a live source. If pictures arrive in bursts, no clip spans the pauses
// between these, so that clips alone suggest a higher rate than the camera is later checked against.
func (n *normalVideo) pace(fps float64) {
	if fps > 0 {
		n.time = time.Duration(float64(n.steps) / fps * float64(time.Second))
	}
}

// fps returns the mean rate of the frames that the model saw. For unevenly spaced frames that of a single clip is a
// little off.
func (n *normalVideo) fps() float64 { return float64(n.steps) / n.time.Seconds() }

// append adds the scores of another source.
func (n *normalVideo) append(o *normalVideo) {
	if n.width == 0 {
		n.width, n.height, n.rate = o.width, o.height, o.rate
	}
	n.clips.Append(&o.clips)
	n.left.Add(o.left)
	n.left.Add(o.settling.Excluded())
	n.steps += o.steps
	n.time += o.time
}

// fits returns an error if a clip does not match the previous ones, else nil.
func (n *normalVideo) fits(src fmt.Stringer, c detect.Clip, live bool) error {
	switch {
	case n.width == 0:
		return nil
	case c.Width != n.width || c.Height != n.height:
		return fmt.Errorf("%s: pictures are %dx%d, the first were %dx%d: a calibration is for one picture size", src,
			c.Width, c.Height, n.width, n.height)
	// A live camera's timestamps fluctuate; recordings of different rates must not be mixed.
	case !live && math.Abs(c.FPS-n.rate) > 0.1*n.rate:
		return fmt.Errorf(
			"%s: %.4g frames a second, the first had %.4g: a calibration is for one frame rate; set --fps to one "+
				"that divides both",
			src, c.FPS, n.rate)
	}
	return nil
}
