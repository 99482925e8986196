package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"

	"vigil/video"
)

// MediaBuffer is what a camera saw lately, for those who make evidence of it: previews, some pictures of full size, and
// what the model saw. It is bounded in time and in bytes, outlives the openings of its source, and may be asked by any
// goroutine.
type MediaBuffer struct {
	previews video.Ring
	full     video.Ring // of a source that is read in this process
	input    modelInput

	mu     sync.Mutex
	remote StillSource // of a source that another process reads; nil while there is none
}

// StillSource is asked for the picture of full size that is the nearest to a frame.
type StillSource interface {
	// Still gives a JPEG, or an error where the other side has none or is gone.
	Still(ctx context.Context, seq uint64) ([]byte, error)
}

// errNoPicture is the answer while a camera has shown nothing yet, or nothing that was kept.
var errNoPicture = errors.New("no picture of this time is kept")

// NewMediaBuffer keeps what came within keep of the latest picture, in at most so many bytes of previews, again so
// many of pictures of full size, and again so many of those that the model saw.
func NewMediaBuffer(keep time.Duration, bytes int) *MediaBuffer {
	return &MediaBuffer{
		previews: video.Ring{Keep: keep, Bytes: bytes},
		full:     video.Ring{Keep: keep, Bytes: bytes},
		input:    modelInput{keep: keep, bytes: bytes},
	}
}

// Previews gives the previews from one frame to another, both included, by Frame.Seq, the oldest first. What they hold
// is shared and must not be changed.
func (f *MediaBuffer) Previews(from, to uint64) []video.Preview { return f.previews.Range(from, to) }

// Still gives the picture of full size that is the nearest to a frame, or, with full false, the nearest preview where
// the process that had it is gone or does not answer before ctx ends. It is an error only where there is nothing at
// all.
func (f *MediaBuffer) Still(ctx context.Context, seq uint64) (jpeg []byte, full bool, err error) {
	if p, ok := f.full.Near(seq); ok {
		return p.JPEG, true, nil
	}
	f.mu.Lock()
	remote := f.remote
	f.mu.Unlock()
	if remote != nil {
		if jpeg, err := remote.Still(ctx, seq); err == nil {
			return jpeg, true, nil
		}
	}
	if p, ok := f.previews.Nearest(seq); ok {
		return p.JPEG, false, nil
	}
	return nil, false, errNoPicture
}

// AddPreview keeps a preview.
func (f *MediaBuffer) AddPreview(p video.Preview) { f.previews.Add(p) }

// attach says who has the pictures of full size from now on; nil for nobody.
func (f *MediaBuffer) attach(s StillSource) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remote = s
}
