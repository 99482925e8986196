package pipeline

import (
	"sync"
	"time"

	"vigil/alerts"
	"vigil/video"
)

// Pauser is what a source's PictureSource may be besides: one that can pass over what its camera sends at next to no
// cost, and knows what it costs.
type Pauser interface {
	// Pause makes Next wait until it is taken back. It may be called from any goroutine, as CPU may.
	Pause(paused bool) error
	// CPU is the processor time that reading the source took so far; 0 where that cannot be known.
	CPU() time.Duration
}

// turn is a camera's part in overload: whether it is paused, and the open source that hears of it. The overload
// goroutine and the watcher share it.
type turn struct {
	mu     sync.Mutex
	source Pauser // nil while none is open
	paused bool
	fresh  bool // it was paused since its last picture
}

// attach takes the source that was opened; nil for none.
func (t *turn) attach(source PictureSource) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.source, _ = source.(Pauser)
	if t.paused && t.source != nil {
		_ = t.source.Pause(true) // a source that is gone says so to its reader
	}
}

// now gives the open source, nil where there is none that can be paused, and whether the camera is.
func (t *turn) now() (source Pauser, paused bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.source, t.paused
}

// set pauses the camera or lets it go on, and reports whether that is news.
func (t *turn) set(paused bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.paused == paused {
		return false
	}
	t.paused = paused
	t.fresh = t.fresh || paused
	if t.source != nil {
		_ = t.source.Pause(paused) // likewise
	}
	return true
}

// seen takes note of a picture: it says whether the camera is paused, and whether it was since the picture before.
func (t *turn) seen() (paused, was bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.paused {
		was, t.fresh = t.fresh, false
	}
	return t.paused, was
}

// pause pauses the camera until it is taken back. An event that is open stays open, as over any gap.
func (w *reader) pause(paused bool) {
	why := ""
	if paused {
		w.stats.pauses.Add(1)
		why = "this machine cannot decode all cameras at a time: they are paused in turn"
	}
	if w.turn.set(paused) {
		w.health.note(alerts.StatePausedOverload, why)
	}
}

// skipWhilePaused reports whether a picture was under way when the camera was paused, and so belongs to no clip. With the
// first one afterwards clips begin anew: what lies between is a gap, and says nothing of the camera.
func (w *reader) skipWhilePaused(pic *video.Picture) bool {
	paused, was := w.turn.seen()
	if paused {
		w.nextSeq = pic.Seq + 1
	} else if was {
		pic.Cut, w.lastChange, w.without = true, time.Time{}, clipless{}
	}
	return paused
}
