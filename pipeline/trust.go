package pipeline

import (
	"cmp"
	"fmt"
	"time"

	"vigil/alerts"
	"vigil/geometry"
	"vigil/pipeline/detect"
	"vigil/pipeline/tamper"
	"vigil/video"
)

// trust follows whether a camera can be trusted: its reader pushes every picture into a tamper.Monitor and tells the
// scheduler of each change, through the mailbox.
type trust struct {
	monitor       *tamper.Monitor
	view          []byte // of the place, a PNG
	width, height int    // of the pictures that it can check, as calibrated
	generation    int
	from          time.Duration // pictures of the opening before this are not checked
	reason        tamper.Reason // that the scheduler knows
	doubt         bool          // the view may be lost
	recent        [recentMoments]detect.Moment
	count         int // of recent, in all
}

const (
	// recentEvery and recentMoments span the time that a reason may be back-dated: half a minute.
	recentEvery   = 250 * time.Millisecond
	recentMoments = 120
	// settling is how long after its opening a live camera is not checked, since its exposure may still adapt.
	settling = 2 * time.Second
	// beforeOnset is how long before the onset the picture lies that shows what the camera saw before.
	beforeOnset = time.Second
)

// trustChange says that a camera cannot be trusted any more, for another reason, or again.
type trustChange struct {
	reason tamper.Reason // None: it can be trusted
	// since is when it began: the doubt, or with None that the view was back. found is when it was found.
	since, found detect.Moment
	// before is a picture from before; false if none was seen.
	before        detect.Moment
	hasBefore     bool
	width, height int
}

// newTrust returns nil for a camera that is not checked.
func newTrust(c *Camera) (*trust, error) {
	cal := cmp.Or(c.Threshold.Calibration, c.Sensitivity)
	if c.AlwaysTrusted || c.Uncalibrated != "" || cal == nil || cal.Reference == nil {
		return nil, nil //nolint:nilnil // A camera that is not checked has no trust.
	}
	side := c.Model.Spec().Side
	m, err := tamper.New(cal.Reference, side, tamper.Options{Ignore: geometry.IgnoreMask(c.Mask, side)})
	if err != nil {
		return nil, fmt.Errorf("calibration %s: %w", cal.ID, err)
	}
	return &trust{monitor: m, view: cal.Reference.Views[0].Picture, width: cal.Key.Width, height: cal.Key.Height}, nil
}

// viewOf returns the view of the place, a PNG; nil for a camera that is not checked.
func (t *trust) viewOf() []byte {
	if t == nil {
		return nil
	}
	return t.view
}

// checkTrust checks a picture at its stream time. gap says that it does not follow the one before.
func (r *reader) checkTrust(pic *video.Picture, at time.Duration, gap bool) {
	t := r.trust
	if t == nil {
		return
	}
	if pic.Generation != t.generation {
		// What happened meanwhile is unknown, so it is checked anew, and an event of its own. Its end was that of the
		// source.
		t.generation, t.from, t.reason, t.count = pic.Generation, at, tamper.None, 0
		if r.Live {
			t.from += settling
		}
		t.monitor.Restart()
		t.doubt = false
		r.health.setNote(alerts.StateUntrusted, "")
	}
	if pic.Width != t.width || pic.Height != t.height || at < t.from {
		return
	}
	t.remember(detect.Moment{Frame: pic.Seq, PTS: at, Wall: pic.Arrival})
	v := t.monitor.Push(pic.Gray, at, gap)
	t.doubt = v.Doubt
	reason := tamper.None
	if v.State == tamper.Untrusted {
		reason = v.Reason
	}
	if reason == t.reason {
		return
	}
	found := &trustChange{
		reason: reason, found: detect.Moment{Frame: pic.Seq, PTS: at, Wall: pic.Arrival},
		width: pic.Width, height: pic.Height,
	}
	note := ""
	if reason == tamper.None {
		found.since, _ = t.at(at - tamper.DefaultBack)
	} else {
		found.since, _ = t.at(v.Since)
		found.before, found.hasBefore = t.at(v.Since - beforeOnset)
		note = "the camera is " + reason.String()
	}
	t.reason = reason
	r.box.control(r.slot, change{trust: found})
	r.health.setNote(alerts.StateUntrusted, note)
}

// remember keeps a moment, unless the last one is too close.
func (t *trust) remember(m detect.Moment) {
	if t.count == 0 || m.PTS-t.recent[(t.count-1)%recentMoments].PTS >= recentEvery {
		t.recent[t.count%recentMoments] = m
		t.count++
	}
}

// at returns the last moment that is kept up to a time; if there is none the first one, and false.
func (t *trust) at(pts time.Duration) (detect.Moment, bool) {
	first := max(0, t.count-recentMoments)
	for i := t.count - 1; i >= first; i-- {
		if m := t.recent[i%recentMoments]; m.PTS <= pts {
			return m, true
		}
	}
	return t.recent[first%recentMoments], false
}
