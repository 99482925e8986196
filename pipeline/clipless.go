package pipeline

import (
	"fmt"
	"time"

	"vigil/alerts"
	"vigil/video"
)

// clipless counts what a live source delivered since its last clip.
type clipless struct {
	time              time.Duration // during which pictures arrived
	pictures, missing uint64
	sampled           uint64 // pictures sampled for the model
	gaps              uint64
	arrival           time.Time // of the last picture
	generation        int       // of the last picture
}

// noClip handles a picture that completed no clip. If there was no clip for NoClipsAfter despite enough pictures, the
// camera's state becomes StateNoClips, and its event ends.
func (r *reader) noClip(pic *video.Picture) {
	n := &r.sinceClip
	if !r.Live || r.NoClipsAfter <= 0 {
		return
	}
	if n.generation == pic.Generation {
		// Bounded, so that a jump of the system clock does not count as a long time.
		n.time += min(max(0, pic.Arrival.Sub(n.arrival)), r.NoClipsAfter/2)
	}
	n.arrival, n.generation = pic.Arrival, pic.Generation
	n.pictures++
	if n.time < r.NoClipsAfter || n.sampled+n.missing < uint64(max(video.CuboidFrames, r.Hop)) ||
		r.health.hasNote(alerts.StateNoClips) {
		return
	}
	r.box.end(r.slot, alerts.EndUnwatched)
	r.health.setNote(alerts.StateNoClips, n.reason())
}

// gotClip handles a picture that completed a clip.
func (r *reader) gotClip() {
	r.sinceClip = clipless{}
	r.health.setNote(alerts.StateNoClips, "")
}

func (n *clipless) reason() string {
	text := fmt.Sprintf("no clip for %v: %d pictures arrived, ", n.time.Round(time.Second), n.pictures)
	if n.gaps == 0 && n.missing == 0 {
		return text + "and their timestamps do not advance"
	}
	return text +
		fmt.Sprintf(
			"%d were missing (damaged, or more than this machine can read), %d gaps were between them, and a clip "+
				"needs %d in a row",
			n.missing, n.gaps, video.CuboidFrames)
}
