//go:build cgo && gocv_videoio

package capture

import (
	"errors"
	"fmt"
	"image"
	"time"

	"gocv.io/x/gocv"
)

// jpegQuality keeps faces and number plates readable and a 1080p picture below half a megabyte.
const jpegQuality = 85

// Shutter makes JPEGs of a stream's frames: previews, and pictures of full size. It belongs to one goroutine.
type Shutter struct {
	small, full     time.Duration // the stream times at which the next ones are due
	previews, fulls bool          // whether any was made
	src, scaled     gocv.Mat
	kind            [3]int // height, width and channels that src is made for
}

// FullEvery is the shortest time between two pictures of full size: they cost far more than previews.
const FullEvery = time.Second / 2

// NewShutter makes a Shutter. It must be closed.
func NewShutter() *Shutter {
	return &Shutter{src: gocv.NewMat(), scaled: gocv.NewMat()}
}

// Close frees OpenCV's memory.
func (s *Shutter) Close() error { return errors.Join(s.src.Close(), s.scaled.Close()) }

// Take gives a preview of the frame where one is due by the stream's time, and a picture of full size where one of
// those is due; nil otherwise.
func (s *Shutter) Take(f *Frame) (preview, full []byte, err error) {
	wantSmall := due(&s.small, &s.previews, f.PTS, PreviewEvery)
	if !wantSmall {
		return nil, nil, nil
	}
	wantFull := due(&s.full, &s.fulls, f.PTS, FullEvery)
	if err := s.load(f); err != nil {
		return nil, nil, err
	}
	small := &s.src
	if f.Width > PreviewWidth {
		h := max(1, (f.Height*PreviewWidth+f.Width/2)/f.Width)
		if err := gocv.Resize(s.src, &s.scaled, image.Pt(PreviewWidth, h), 0, 0, gocv.InterpolationArea); err != nil {
			return nil, nil, fmt.Errorf("making frame %d smaller: %w", f.Seq, err)
		}
		small = &s.scaled
	}
	if preview, err = encodeJPEG(small); err != nil {
		return nil, nil, fmt.Errorf("preview of frame %d: %w", f.Seq, err)
	}
	switch {
	case !wantFull:
	case small == &s.src:
		full = preview
	default:
		if full, err = encodeJPEG(&s.src); err != nil {
			return nil, nil, fmt.Errorf("picture of frame %d: %w", f.Seq, err)
		}
	}
	return preview, full, nil
}

// due says whether something that is made so often is due at stream time now; a time that goes back starts anew.
func due(next *time.Duration, any *bool, now, every time.Duration) bool {
	if *any && now < *next && now > *next-every {
		return false
	}
	// From the time that was planned, so that frames that come a little late do not slow the rate down.
	if *any && now >= *next && now < *next+every {
		*next += every
	} else {
		*next = now + every
	}
	*any = true
	return true
}

func (s *Shutter) load(f *Frame) error {
	if f.Width <= 0 || f.Height <= 0 || f.Channels != 1 && f.Channels != 3 || len(f.Pix) != f.Width*f.Height*f.Channels {
		return fmt.Errorf("frame %d: %d bytes for %dx%d pixels of %d channels", f.Seq, len(f.Pix), f.Width, f.Height, f.Channels)
	}
	if kind := [3]int{f.Height, f.Width, f.Channels}; kind != s.kind {
		if err := s.src.Close(); err != nil {
			return err
		}
		typ := gocv.MatTypeCV8UC3
		if f.Channels == 1 {
			typ = gocv.MatTypeCV8UC1
		}
		s.src, s.kind = gocv.NewMatWithSize(f.Height, f.Width, typ), kind
	}
	data, err := s.src.DataPtrUint8()
	if err != nil {
		return err
	}
	copy(data, f.Pix)
	return nil
}

func encodeJPEG(m *gocv.Mat) ([]byte, error) {
	buf, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, *m, []int{gocv.IMWriteJpegQuality, jpegQuality})
	if err != nil {
		return nil, err
	}
	defer buf.Close()
	return append([]byte(nil), buf.GetBytes()...), nil
}
