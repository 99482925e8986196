package eval

import (
	"context"
	"errors"
	"fmt"
	"io"

	"vigil/geometry"
)

// Mask holds the pixel labels of a frame.
type Mask struct {
	Width, Height int
	Abnormal      []bool // [Height][Width], row-major
}

// any reports whether any pixel is abnormal.
func (m *Mask) any() bool {
	for _, on := range m.Abnormal {
		if on {
			return true
		}
	}
	return false
}

// resize sets the size; the content is undefined afterwards.
func (m *Mask) resize(width, height int) {
	m.Width, m.Height = width, height
	if cap(m.Abnormal) < width*height {
		m.Abnormal = make([]bool, width*height)
	}
	m.Abnormal = m.Abnormal[:width*height]
}

// MaskReader reads the masks of a video, one for each frame.
type MaskReader interface {
	// Next fills m, or returns io.EOF after the last mask.
	Next(ctx context.Context, m *Mask) error
	Close() error
}

// labelsOfMasks reads all masks of a video: a frame is abnormal if a pixel is.
func labelsOfMasks(ctx context.Context, open func(context.Context) (MaskReader, error)) (labels []bool, err error) {
	masks, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer masks.Close()
	var mask Mask
	for {
		switch err := masks.Next(ctx, &mask); {
		case errors.Is(err, io.EOF):
			return labels, nil
		case err != nil:
			return nil, fmt.Errorf("mask %d: %w", len(labels), err)
		}
		labels = append(labels, mask.any())
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// region is a connected part of a Mask.
type region struct {
	track int // the number of its track; -1 for none
	pixel []int
}

// regions are the connected components of the abnormal pixels, including diagonal connections.
func (m *Mask) regions() []region {
	var out []region
	for _, pixels := range geometry.Components(m.Abnormal, m.Width, true) {
		out = append(out, region{track: -1, pixel: pixels})
	}
	return out
}

// maskCursor reads masks up to the requested frame.
type maskCursor struct {
	reader MaskReader
	skip   func(*Mask) // called with each mask that no frame was requested of; may be nil
	next   int         // the frame that reader returns next
	mask   Mask
}

func (a *maskCursor) pass() {
	if a.skip != nil {
		a.skip(&a.mask)
	}
}

// frame reads the mask of frame n, which must not be before the last one requested.
func (a *maskCursor) frame(ctx context.Context, n int) (*Mask, error) {
	for a.next <= n {
		switch err := a.reader.Next(ctx, &a.mask); {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("the masks end after %d frames, the video goes on to frame %d", a.next, n)
		default:
			return nil, fmt.Errorf("mask %d: %w", a.next, err)
		}
		if a.next++; a.next <= n {
			a.pass()
		}
	}
	return &a.mask, nil
}

// finish reads to the end, and returns an error if the number of masks is not frames.
func (a *maskCursor) finish(ctx context.Context, frames int) error {
	for {
		switch err := a.reader.Next(ctx, &a.mask); {
		case err == nil:
			a.next++
			a.pass()
		case errors.Is(err, io.EOF):
			if a.next != frames {
				return fmt.Errorf("there are %d masks for %d frames", a.next, frames)
			}
			return nil
		default:
			return fmt.Errorf("mask %d: %w", a.next, err)
		}
	}
}
