package pipeline

import (
	"sync/atomic"

	"vigil/video"
)

// damageCounter adds the decode errors of an opened source to its camera's.
type damageCounter struct {
	source DecodeErrorCounter // nil if it does not know them
	total  *atomic.Uint64
	last   video.DecodeErrors
}

// update adds the errors since the last call, and returns the number of damaged frames among them.
func (d *damageCounter) update() (frames uint64) {
	if d.source == nil {
		return 0
	}
	now := d.source.DecodeErrors()
	if now == d.last {
		return 0
	}
	frames = now.Frames - d.last.Frames
	d.total.Add(now.Total() - d.last.Total())
	d.last = now
	return frames
}
