package pipeline

import (
	"sync"
	"time"

	"vigil/alerts"
	"vigil/video"
)

// Pauser is implemented by a PictureSource that can discard what its camera sends at almost no cost, and knows its own
// cost.
type Pauser interface {
	// Pause makes Next block until resumed. Like CPU, it is safe for concurrent use.
	Pause(paused bool) error
	// CPU returns the processor time that reading the source has used; 0 if unknown.
	CPU() time.Duration
}

// pauseState is a camera's pause state and its open source. It is shared by the overload goroutine and the reader.
type pauseState struct {
	mu        sync.Mutex
	source    Pauser // nil while none is open
	paused    bool
	wasPaused bool // paused since the last picture
}

// attach sets the open source; nil for none.
func (t *pauseState) attach(source PictureSource) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.source, _ = source.(Pauser)
	if t.paused && t.source != nil {
		_ = t.source.Pause(true) // the reader gets the error of a source that has failed
	}
}

// state returns the open source, nil if none can be paused, and whether the camera is paused.
func (t *pauseState) state() (source Pauser, paused bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.source, t.paused
}

// set pauses or resumes the camera, and reports whether that is a change.
func (t *pauseState) set(paused bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.paused == paused {
		return false
	}
	t.paused = paused
	t.wasPaused = t.wasPaused || paused
	if t.source != nil {
		_ = t.source.Pause(paused) // likewise
	}
	return true
}

// onPicture handles a picture: it returns whether the camera is paused, and whether it was paused since the previous
// picture.
func (t *pauseState) onPicture() (paused, was bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.paused {
		was, t.wasPaused = t.wasPaused, false
	}
	return t.paused, was
}

// pause pauses or resumes the camera. An open event stays open, as over any gap.
func (r *reader) pause(paused bool) {
	why := ""
	if paused {
		r.stats.pauses.Add(1)
		why = "this machine cannot decode all cameras at a time: they are paused in turn"
	}
	if r.pauseState.set(paused) {
		r.health.setNote(alerts.StatePausedOverload, why)
	}
}

// skipWhilePaused reports whether a picture was in flight when the camera was paused, and so belongs to no clip. The
// first picture afterwards is marked as a cut: the pause is a gap, and does not count as frozen or without clips.
func (r *reader) skipWhilePaused(pic *video.Picture) bool {
	paused, was := r.pauseState.onPicture()
	if paused {
		r.nextSeq = pic.Seq + 1
	} else if was {
		pic.Cut, r.lastChange, r.sinceClip = true, time.Time{}, clipless{}
	}
	return paused
}
