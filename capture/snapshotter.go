//go:build cgo && gocv_videoio

package capture

import (
	"errors"
	"fmt"
	"image"
	"time"

	"vigil/video"

	"gocv.io/x/gocv"
)

// jpegQuality keeps faces and number plates legible and a 1080p frame below half a megabyte.
const jpegQuality = 85

// Snapshotter encodes a stream's frames as JPEG, as previews and in full size. It must be used by one goroutine.
type Snapshotter struct {
	small, full     time.Duration // stream times at which the next ones are due
	previews, fulls bool          // whether any was encoded yet
	src, scaled     gocv.Mat
	pix             []byte
	kind            [3]int // height, width and channels of src
}

// FullEvery is the minimum interval between full-size JPEGs, which cost far more than previews.
const FullEvery = time.Second / 2

// NewSnapshotter returns a Snapshotter. It must be closed.
func NewSnapshotter() *Snapshotter {
	return &Snapshotter{src: gocv.NewMat(), scaled: gocv.NewMat()}
}

// Close frees OpenCV's memory.
func (s *Snapshotter) Close() error { return errors.Join(s.src.Close(), s.scaled.Close()) }

// Snapshot returns a preview of the frame if one is due by stream time, and a full-size JPEG if one of those is due;
// else nil. stream is the Stream that returned the frame and may have it in colour, or nil.
func (s *Snapshotter) Snapshot(f *video.Frame, stream *Stream) (preview, full []byte, err error) {
	if !due(&s.small, &s.previews, f.PTS, video.PreviewEvery) {
		return nil, nil, nil
	}
	wantFull := due(&s.full, &s.fulls, f.PTS, FullEvery)
	w, h := f.Width, f.Height
	if w > video.PreviewWidth {
		w, h = video.PreviewWidth, max(1, (f.Height*video.PreviewWidth+f.Width/2)/f.Width)
	}
	if preview, err = s.encode(f, stream, w, h); err != nil {
		return nil, nil, fmt.Errorf("preview of frame %d: %w", f.Seq, err)
	}
	switch {
	case !wantFull:
	case w == f.Width:
		full = preview
	default:
		if full, err = s.encode(f, stream, f.Width, f.Height); err != nil {
			return nil, nil, fmt.Errorf("picture of frame %d: %w", f.Seq, err)
		}
	}
	return preview, full, nil
}

// encode returns a JPEG of w x h pixels.
func (s *Snapshotter) encode(f *video.Frame, stream *Stream, w, h int) ([]byte, error) {
	if stream != nil {
		if cap(s.pix) < w*h*3 {
			s.pix = make([]byte, w*h*3)
		}
		color := video.Frame{Width: w, Height: h, Channels: 3, Pix: s.pix[:w*h*3]}
		if ok, err := stream.Color(color.Pix, w, h); err != nil {
			return nil, err
		} else if ok {
			f = &color
		}
	}
	if err := s.load(f); err != nil {
		return nil, err
	}
	if w == f.Width {
		return encodeJPEG(&s.src)
	}
	if err := gocv.Resize(s.src, &s.scaled, image.Pt(w, h), 0, 0, gocv.InterpolationArea); err != nil {
		return nil, err
	}
	return encodeJPEG(&s.scaled)
}

// due reports whether something with the interval every is due at stream time now. A time that goes back restarts the
// schedule.
func due(next *time.Duration, any *bool, now, every time.Duration) bool {
	if *any && now < *next && now > *next-every {
		return false
	}
	// Schedule from the planned time, so that slightly late frames do not lower the rate.
	if *any && now >= *next && now < *next+every {
		*next += every
	} else {
		*next = now + every
	}
	*any = true
	return true
}

func (s *Snapshotter) load(f *video.Frame) error {
	if f.Width <= 0 || f.Height <= 0 || f.Channels != 1 && f.Channels != 3 ||
		len(f.Pix) != f.Width*f.Height*f.Channels {
		return fmt.Errorf("frame %d: %d bytes for %dx%d pixels of %d channels", f.Seq, len(f.Pix), f.Width, f.Height,
			f.Channels)
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
