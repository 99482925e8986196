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
	taken             uint64 // pictures sampled for the model
	gaps              uint64
	arrival           time.Time // of the last picture
	opening           int       // of the last picture
}

// noClip handles a picture that completed no clip. If there was no clip for NoClipsAfter despite enough pictures, the
// camera's state becomes StateNoClips, and its event ends.
func (w *reader) noClip(pic *video.Picture) {
	n := &w.without
	if !w.Live || w.NoClipsAfter <= 0 {
		return
	}
	if n.opening == pic.Opening {
		// Bounded, so that a jump of the system clock does not count as a long time.
		n.time += min(max(0, pic.Arrival.Sub(n.arrival)), w.NoClipsAfter/2)
	}
	n.arrival, n.opening = pic.Arrival, pic.Opening
	n.pictures++
	if n.time < w.NoClipsAfter || n.taken+n.missing < uint64(max(video.CuboidFrames, w.Hop)) ||
		w.health.noted(alerts.StateNoClips) {
		return
	}
	w.box.end(w.index, alerts.EndUnwatched)
	w.health.note(alerts.StateNoClips, n.why())
}

// anyClip handles a picture that completed a clip.
func (w *reader) anyClip() {
	w.without = clipless{}
	w.health.note(alerts.StateNoClips, "")
}

func (n *clipless) why() string {
	why := fmt.Sprintf("no clip for %v: %d pictures came, ", n.time.Round(time.Second), n.pictures)
	if n.gaps == 0 && n.missing == 0 {
		return why + "and their times do not move on"
	}
	return why +
		fmt.Sprintf(
			"%d were missing (damaged, or more than this machine can read), %d gaps were between them, and a clip "+
				"needs %d in a row",
			n.missing, n.gaps, video.CuboidFrames)
}
