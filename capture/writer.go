//go:build cgo && gocv_videoio

package capture

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vigil/video"

	"gocv.io/x/gocv"
)

// Writer writes a video file.
type Writer struct {
	w    *gocv.VideoWriter
	img  gocv.Mat // [h][w][3], BGR
	path string
	n    int
}

// CreateVideo starts a video of w x h pixels at fps frames a second. The codec is a FourCC; if it is empty, the file
// extension selects it: .mp4 H.264 that browsers play (avc1), .avi motion JPEG (MJPG), .mkv H.264 (X264). Sides must be
// even. The file must not exist.
func CreateVideo(path string, fps float64, w, h int, codec string) (*Writer, error) {
	if codec == "" {
		codec = map[string]string{".mp4": "avc1", ".avi": "MJPG", ".mkv": "X264"}[strings.ToLower(filepath.Ext(path))]
	}
	switch {
	case len(codec) != 4:
		return nil, fmt.Errorf("creating %s: the name ends in .mp4, .avi or .mkv, or a codec of four letters is given",
			path)
	case w <= 0 || h <= 0 || w%2 != 0 || h%2 != 0:
		return nil, fmt.Errorf("creating %s: the size is %dx%d; both sides must be even", path, w, h)
	case saneFPS(fps) == 0:
		return nil, fmt.Errorf("creating %s: the frame rate is %g; it must be from 0.01 to %d", path, fps, maxFPS)
	}
	// OpenCV reports no reason when it cannot create the file, so Go tries first.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL,
		0o644) //nolint:gosec // It is for others to read as the umask has it.
	if err != nil {
		return nil, fmt.Errorf("creating video: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("creating video: %w", err)
	}
	vw, err := gocv.VideoWriterFileWithAPI(path, gocv.VideoCaptureFFmpeg, codec, fps, w, h, true)
	if err == nil && vw.IsOpened() {
		return &Writer{w: vw, path: path, img: gocv.NewMatWithSize(h, w, gocv.MatTypeCV8UC3)}, nil
	}
	if vw != nil {
		err = errors.Join(err, vw.Close())
	}
	return nil, errors.Join(fmt.Errorf("creating %s: FFmpeg cannot write %s into such a file", path, codec), err,
		os.Remove(path))
}

// Write appends a frame, grey or BGR, of the size passed to CreateVideo. OpenCV does not report write failures; Close
// detects some of them.
func (w *Writer) Write(f *video.Frame) error {
	if f.Width != w.img.Cols() || f.Height != w.img.Rows() || len(f.Pix) != f.Width*f.Height*f.Channels {
		return fmt.Errorf("writing %s: the frame is %dx%d, the video %dx%d", w.path, f.Width, f.Height, w.img.Cols(),
			w.img.Rows())
	}
	data, err := w.img.DataPtrUint8()
	if err != nil {
		return fmt.Errorf("writing %s: %w", w.path, err)
	}
	switch f.Channels {
	case 1:
		for i, v := range f.Pix {
			data[3*i], data[3*i+1], data[3*i+2] = v, v, v
		}
	case 3:
		copy(data, f.Pix)
	default:
		return fmt.Errorf("writing %s: a frame has 1 or 3 channels, not %d", w.path, f.Channels)
	}
	w.n++
	return w.w.Write(w.img)
}

// Close finishes the file. It returns an error if frames were written but the file is empty.
func (w *Writer) Close() error {
	if w.w == nil {
		return nil
	}
	err := errors.Join(w.w.Close(), w.img.Close())
	w.w = nil
	if st, statErr := os.Stat(w.path); statErr != nil {
		err = errors.Join(err, statErr)
	} else if w.n > 0 && st.Size() == 0 {
		err = errors.Join(err, fmt.Errorf("writing %s: nothing was written; the disk may be full", w.path))
	}
	return err
}
