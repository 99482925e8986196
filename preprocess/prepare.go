//go:build cgo && gocv_videoio

package preprocess

import (
	"errors"
	"fmt"
	"image"

	"gocv.io/x/gocv"

	"vigil/geometry"
	"vigil/video"
)

// Preparer makes Pictures from one camera's frames. It is not safe for concurrent use.
type Preparer struct {
	side            int
	mask            []geometry.Polygon
	runs            []geometry.Run // masked pixels of a frame of the current size
	width, height   int
	src, gray, area gocv.Mat // [h][w][3], [h][w], [S][S]
	channels        int      // of src
	out             []byte

	lumaWidth, lumaHeight int // size that the following are for
	lumaRuns              []geometry.Run
	sums                  []uint16
	row                   []float32
}

// NewPreparer returns a Preparer for pictures of side x side pixels. Masked pixels are blackened before resizing, so
// that nothing of them leaks into their neighbours, and the model sees a constant there.
func NewPreparer(side int, mask []geometry.Polygon) *Preparer {
	return &Preparer{
		side: side, mask: mask, src: gocv.NewMat(), gray: gocv.NewMat(), area: gocv.NewMat(),
		out: make([]byte, side*side),
	}
}

// Close frees OpenCV's memory.
func (p *Preparer) Close() error {
	return errors.Join(p.src.Close(), p.gray.Close(), p.area.Close())
}

// Prepare converts a frame to grey (OpenCV's BGR2GRAY), masks it and resizes it (INTER_AREA), exactly as OpenCV in
// Python does. The picture's Gray is valid until the next call. It returns an error if the frame's fields contradict
// each other.
func (p *Preparer) Prepare(f *video.Frame) (video.Picture, error) {
	if f.Width <= 0 || f.Height <= 0 || f.Channels != 1 && f.Channels != 3 ||
		len(f.Pix) != f.Width*f.Height*f.Channels {
		return video.Picture{}, fmt.Errorf("frame %d: %d bytes for %dx%d pixels of %d channels", f.Seq,
			len(f.Pix), f.Width,
			f.Height, f.Channels)
	}
	if err := p.fit(f); err != nil {
		return video.Picture{}, err
	}
	full := &p.gray
	if f.Channels == 1 {
		full = &p.src
	}
	data, err := p.src.DataPtrUint8()
	if err != nil {
		return video.Picture{}, err
	}
	copy(data, f.Pix)
	if f.Channels == 3 {
		if err := gocv.CvtColor(p.src, &p.gray, gocv.ColorBGRToGray); err != nil {
			return video.Picture{}, fmt.Errorf("making frame %d grey: %w", f.Seq, err)
		}
	}
	if len(p.runs) > 0 {
		pix, err := full.DataPtrUint8()
		if err != nil {
			return video.Picture{}, err
		}
		for _, r := range p.runs {
			clear(pix[r.From:r.To])
		}
	}
	if err := gocv.Resize(*full, &p.area, image.Pt(p.side, p.side), 0, 0, gocv.InterpolationArea); err != nil {
		return video.Picture{}, fmt.Errorf("resizing frame %d: %w", f.Seq, err)
	}
	small, err := p.area.DataPtrUint8()
	if err != nil {
		return video.Picture{}, err
	}
	copy(p.out, small)
	return p.picture(f), nil
}

func (p *Preparer) picture(f *video.Frame) video.Picture {
	return video.Picture{
		Seq: f.Seq, PTS: f.PTS, Arrival: f.Arrival, Generation: f.Generation,
		Width: f.Width, Height: f.Height, Side: p.side, Same: f.Same, Discontinuity: f.Discontinuity, Gray: p.out,
	}
}

// fit adapts the buffers and the mask to the frame's size.
func (p *Preparer) fit(f *video.Frame) error {
	if f.Width != p.width || f.Height != p.height {
		p.width, p.height, p.channels = f.Width, f.Height, 0
		p.runs = geometry.MaskRuns(p.mask, f.Width, f.Height)
	}
	if f.Channels == p.channels {
		return nil
	}
	kind := gocv.MatTypeCV8UC3
	if f.Channels == 1 {
		kind = gocv.MatTypeCV8UC1
	}
	if err := p.src.Close(); err != nil {
		return err
	}
	p.src, p.channels = gocv.NewMatWithSize(f.Height, f.Width, kind), f.Channels
	return nil
}
