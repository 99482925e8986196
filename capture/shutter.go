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

// jpegQuality keeps faces and number plates readable and a 1080p picture below half a megabyte.
const jpegQuality = 85

// Snapshotter makes JPEGs of a stream's frames: previews, and pictures of full size. It belongs to one goroutine.
type Snapshotter struct {
	small, full     time.Duration // the stream times at which the next ones are due
	previews, fulls bool          // whether any was made
	src, scaled     gocv.Mat
	pix             []byte
	kind            [3]int // height, width and channels that src is made for
}

// FullEvery is the shortest time between two pictures of full size: they cost far more than previews.
const FullEvery = time.Second / 2

// NewSnapshotter makes a Snapshotter. It must be closed.
func NewSnapshotter() *Snapshotter {
	return &Snapshotter{src: gocv.NewMat(), scaled: gocv.NewMat()}
}

// Close frees OpenCV's memory.
func (s *Snapshotter) Close() error { return errors.Join(s.src.Close(), s.scaled.Close()) }

// Snapshot gives a preview of the frame where one is due by the stream's time, and a picture of full size where one of
// those is due; nil otherwise. The stream is the one that gave the frame, where it may have the frame in colour; or
// nil.
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

// encode makes a JPEG of w x h pixels.
func (s *Snapshotter) encode(f *video.Frame, stream *Stream, w, h int) ([]byte, error) {
	if stream != nil {
		if cap(s.pix) < w*h*3 {
			s.pix = make([]byte, w*h*3)
		}
		colored := video.Frame{Width: w, Height: h, Channels: 3, Pix: s.pix[:w*h*3]}
		if ok, err := stream.Color(colored.Pix, w, h); err != nil {
			return nil, err
		} else if ok {
			f = &colored
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
