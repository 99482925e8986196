//go:build cgo && gocv_videoio

package capture

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"gocv.io/x/gocv"
)

// folder reads a folder's images one after the other. OpenCV's own image sequences end at the first gap in the
// numbers without a word.
type folder struct {
	paths []string
	next  int
	fps   float64
}

func openFolder(dir string, o Options) (source, Info, error) {
	paths, err := listImages(dir)
	if err != nil {
		return nil, Info{}, err
	}
	d := &folder{paths: paths, fps: o.FolderFPS}
	var first Frame
	if err := readImage(paths[0], &first); err != nil {
		return nil, Info{}, err
	}
	return d, Info{Width: first.Width, Height: first.Height, FPS: o.FolderFPS, Frames: len(paths)}, nil
}

func (d *folder) read(_ context.Context, f *Frame) error {
	if d.next == len(d.paths) {
		return io.EOF
	}
	if err := readImage(d.paths[d.next], f); err != nil {
		return err
	}
	f.PTS = time.Duration(float64(d.next) / d.fps * float64(time.Second))
	d.next++
	return nil
}

func (d *folder) close() error { return nil }

// readImage keeps an image grey or coloured as it is, and makes 8 bits of more.
func readImage(path string, f *Frame) error {
	if err := checkImage(path); err != nil {
		return fmt.Errorf("image %s: %w", filepath.Base(path), err)
	}
	img := gocv.IMRead(path, gocv.IMReadAnyColor)
	defer func() { _ = img.Close() }()
	if img.Empty() {
		if _, err := os.Stat(path); err != nil {
			return err
		}
		return fmt.Errorf("image %s: damaged, too large, or not what its name says", filepath.Base(path))
	}
	if err := copyPixels(f, &img); err != nil {
		return fmt.Errorf("image %s: %w", filepath.Base(path), err)
	}
	return nil
}
