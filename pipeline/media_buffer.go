package pipeline

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"vigil/video"
)

// MediaBuffer keeps a camera's recent pictures for evidence: previews, some pictures of full size, and the model's
// input. It is bounded in time and in bytes, outlives the openings of its source, and is safe for concurrent use.
type MediaBuffer struct {
	previews video.Ring
	full     video.Ring // of a source that is read in this process
	input    modelInput
	maps     errorMaps

	mu     sync.Mutex
	remote StillSource // of a source that is read in another process; nil while there is none
}

// StillSource provides full-size pictures on demand.
type StillSource interface {
	// Still returns the JPEG of the picture nearest to a frame, and the frame that it shows. It returns an error if the
	// source has none or has failed.
	Still(ctx context.Context, seq uint64) (jpeg []byte, of uint64, err error)
}

// errNoPicture means that no picture is buffered.
var errNoPicture = errors.New("no picture of this time is kept")

// NewMediaBuffer keeps what arrived within keep of the latest picture: at most bytes of previews, as much of full-size
// pictures, and as much of the model's input.
func NewMediaBuffer(keep time.Duration, bytes int) *MediaBuffer {
	return &MediaBuffer{
		previews: video.Ring{Keep: keep, Bytes: bytes},
		full:     video.Ring{Keep: keep, Bytes: bytes},
		input:    modelInput{keep: keep, bytes: bytes},
	}
}

// Previews returns the previews from one frame to another, both included, by Frame.Seq, the oldest first. Their data is
// shared and must not be changed.
func (b *MediaBuffer) Previews(from, to uint64) []video.Preview { return b.previews.Range(from, to) }

// Still returns the JPEG of Picture.
func (b *MediaBuffer) Still(ctx context.Context, seq uint64) (jpeg []byte, full bool, err error) {
	p, full, err := b.Picture(ctx, seq)
	return p.JPEG, full, err
}

// Picture returns the full-size picture nearest to a frame. If the process that has it is gone or does not answer
// before ctx ends, it returns the nearest preview, with full false. It returns an error only if nothing is buffered.
func (b *MediaBuffer) Picture(ctx context.Context, seq uint64) (p video.Preview, full bool, err error) {
	if p, ok := b.full.Near(seq); ok {
		return p, true, nil
	}
	b.mu.Lock()
	remote := b.remote
	b.mu.Unlock()
	if remote != nil {
		if jpeg, of, err := remote.Still(ctx, seq); err == nil {
			p := video.Preview{Seq: of, JPEG: jpeg}
			// A full-size picture is one of a frame with a preview, unless the pipe was full.
			if near, ok := b.previews.Nearest(of); ok {
				p.PTS, p.Arrival = near.PTS, near.Arrival
				return p, true, nil
			}
		}
	}
	if p, ok := b.previews.Nearest(seq); ok {
		return p, false, nil
	}
	return video.Preview{}, false, errNoPicture
}

// Latest returns the latest preview, also while the source delivers nothing; false if there is none.
func (b *MediaBuffer) Latest() (video.Preview, bool) { return b.previews.Nearest(math.MaxUint64) }

// Near reports whether a preview of about the time of a frame is kept.
func (b *MediaBuffer) Near(seq uint64) bool {
	_, ok := b.previews.Near(seq)
	return ok
}

// AddPreview adds a preview.
func (b *MediaBuffer) AddPreview(p video.Preview) { b.previews.Add(p) }

// Resize changes the limit in bytes; a smaller one applies with the next picture.
func (b *MediaBuffer) Resize(bytes int) {
	b.previews.Resize(bytes)
	b.full.Resize(bytes)
	b.input.mu.Lock()
	defer b.input.mu.Unlock()
	b.input.bytes = bytes
}

// attach sets the source of full-size pictures; nil for none.
func (b *MediaBuffer) attach(s StillSource) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remote = s
}
