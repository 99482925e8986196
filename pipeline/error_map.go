package pipeline

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vigil/geometry"
	"vigil/internal/broadcast"
	"vigil/pipeline/detect"
)

// mapWanted is how long after a request for an error map those of scored clips are copied, and how old one may be.
const mapWanted = 30 * time.Second

// ErrorMap is the error map of a scored clip. It is shared and must not be changed.
type ErrorMap struct {
	Frame  uint64         // the middle one of those that are scored
	Errors []float32      // [Side][Side], row-major, as model.Score.Map
	Side   int            // in pixels
	Boxes  []geometry.Box // hot regions of a clip that is not normal
}

// errorMaps keeps the error map of a camera's latest clip for as long as somebody asks for it; else it costs the
// scheduler the look at a number.
type errorMaps struct {
	until   atomic.Int64 // maps are copied until this time, in nanoseconds of Unix time
	changed broadcast.Signal

	mu     sync.Mutex
	latest *ErrorMap
	scored time.Time
}

// ErrorMap returns the error map of the camera's latest clip. If nobody has asked lately, it waits for the next clip.
// It returns false if ctx ends first.
func (b *MediaBuffer) ErrorMap(ctx context.Context) (*ErrorMap, bool) {
	m := &b.maps
	m.until.Store(time.Now().Add(mapWanted).UnixNano())
	var found *ErrorMap
	m.changed.Until(ctx, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.latest != nil && time.Since(m.scored) > mapWanted {
			m.latest = nil
		}
		found = m.latest
		return found != nil
	})
	return found, found != nil
}

// offer keeps a clip's map if somebody wants it.
func (m *errorMaps) offer(clip *detect.Clip, side int) {
	until := m.until.Load()
	if until == 0 {
		return
	}
	now := time.Now()
	if now.UnixNano() > until {
		m.until.CompareAndSwap(until, 0)
		m.mu.Lock()
		m.latest = nil
		m.mu.Unlock()
		return
	}
	next := &ErrorMap{
		Frame: clip.ScoredCentre.Frame, Errors: slices.Clone(clip.Map), Side: side, Boxes: clip.Boxes,
	}
	m.mu.Lock()
	m.latest, m.scored = next, now
	m.mu.Unlock()
	m.changed.Notify()
}
