package video

import (
	"context"
	"errors"
	"io"
	"iter"
)

// Reader is a source of frames. Read fills f, reusing f.Pix, and returns io.EOF after the last frame.
type Reader interface {
	Read(ctx context.Context, f *Frame) error
}

// Frames yields the frames of a source up to its end; an error is yielded last. The frame is reused.
func Frames(ctx context.Context, r Reader) iter.Seq2[*Frame, error] {
	return func(yield func(*Frame, error) bool) {
		var f Frame
		for {
			switch err := r.Read(ctx, &f); {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(nil, err)
				return
			}
			if !yield(&f, nil) {
				return
			}
		}
	}
}
