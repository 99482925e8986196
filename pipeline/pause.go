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
func (p *pauseState) attach(source PictureSource) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.source, _ = source.(Pauser)
	if p.paused && p.source != nil {
		_ = p.source.Pause(true) // the reader gets the error of a source that has failed
	}
}

// state returns the open source, nil if none can be paused, and whether the camera is paused.
func (p *pauseState) state() (source Pauser, paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.source, p.paused
}

// set pauses or resumes the camera, and reports whether that is a change.
func (p *pauseState) set(paused bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused == paused {
		return false
	}
	p.paused = paused
	p.wasPaused = p.wasPaused || paused
	if p.source != nil {
		_ = p.source.Pause(paused) // likewise
	}
	return true
}

// onPicture handles a picture: it returns whether the camera is paused, and whether it was paused since the previous
// picture.
func (p *pauseState) onPicture() (paused, was bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.paused {
		was, p.wasPaused = p.wasPaused, false
	}
	return p.paused, was
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
		pic.Discontinuity, r.lastChange, r.sinceClip = true, time.Time{}, clipless{}
	}
	return paused
}
