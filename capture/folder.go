//go:build cgo && gocv_videoio

package capture

import (
	"context"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"time"

	"vigil/video"

	"gocv.io/x/gocv"
)

// folder reads a folder's images in order. OpenCV's own image sequences end silently at the first gap in the numbers.
// Here a missing number counts as a missing frame, and the stream time advances over it.
type folder struct {
	notes
	paths   []string
	missing []int // numbers missing before each image
	next    int
	time    int // frames, present or missing, before the next image
	skip    int // frames missing before the last image
	fps     float64
	size    [2]int // size of most images
	depth   int    // significant bits of a 16-bit image; 0 if all are used
}

func openFolder(dir string, o Options) (frameReader, video.Info, error) {
	paths, err := listImages(dir)
	if err != nil {
		return nil, video.Info{}, err
	}
	d := &folder{paths: paths, fps: o.FolderFPS}
	var gaps string
	d.missing, gaps = missingNumbers(paths)
	d.add(gaps)
	var first video.Frame
	if err := d.readImage(paths[0], &first); err != nil {
		return nil, video.Info{}, err
	}
	if err := d.sample(); err != nil {
		return nil, video.Info{}, err
	}
	return d, video.Info{Width: first.Width, Height: first.Height, FPS: o.FolderFPS, Frames: len(paths)}, nil
}

// samples is the number of images that are read to determine the folder's frame size and bit depth.
const samples = 8

// sample reads images spread over the folder. Damaged ones are reported when they are read in turn.
func (d *folder) sample() error {
	sizes := map[[2]int]int{}
	deep, highest := 0, uint16(0)
	for i := range min(samples, len(d.paths)) {
		path := d.paths[i*(len(d.paths)-1)/max(1, min(samples, len(d.paths))-1)]
		if checkImage(path) != nil {
			continue
		}
		img := gocv.IMRead(path, gocv.IMReadAnyColor|gocv.IMReadAnyDepth)
		if !img.Empty() {
			size := [2]int{img.Cols(), img.Rows()}
			if sizes[size]++; sizes[size] > sizes[d.size] {
				d.size = size
			}
			if values, err := img.DataPtrUint16(); err == nil && is16(&img) {
				deep++
				for _, v := range values {
					highest = max(highest, v)
				}
			}
		}
		if err := img.Close(); err != nil {
			return err
		}
	}
	if deep > 0 && highest>>14 == 0 {
		d.depth = max(8, (bits.Len16(highest)+1)/2*2)
		d.add(fmt.Sprintf(
			"images of 16 bits of which only %d are used, as far as %d of them show (the highest value is %d): the "+
				"highest of %d bits is taken for white",
			d.depth, deep, highest, d.depth))
	}
	return nil
}

func is16(m *gocv.Mat) bool {
	return m.Type() == gocv.MatTypeCV16UC1 || m.Type() == gocv.MatTypeCV16UC3
}

func (d *folder) read(_ context.Context, f *video.Frame) error {
	if d.next == len(d.paths) {
		return io.EOF
	}
	if err := d.readImage(d.paths[d.next], f); err != nil {
		return err
	}
	if f.Width != d.size[0] || f.Height != d.size[1] {
		d.add(fmt.Sprintf("%s is %dx%d, the others are %dx%d: no clip contains both", filepath.Base(d.paths[d.next]),
			f.Width, f.Height, d.size[0], d.size[1]))
	}
	d.skip = d.missing[d.next]
	d.time += d.skip
	f.PTS = time.Duration(float64(d.time) / d.fps * float64(time.Second))
	d.next++
	d.time++
	return nil
}

// skipped is the number of images missing before the last one.
func (d *folder) skipped() int { return d.skip }

func (d *folder) close() error { return nil }

// readImage keeps an image's channels, grey or colour, and reduces deeper images to 8 bits.
func (d *folder) readImage(path string, f *video.Frame) error {
	if err := checkImage(path); err != nil {
		return fmt.Errorf("image %s: %w", filepath.Base(path), err)
	}
	flags := gocv.IMReadAnyColor
	if d.depth > 0 {
		flags |= gocv.IMReadAnyDepth
	}
	img := gocv.IMRead(path, flags)
	defer func() { _ = img.Close() }()
	if img.Empty() {
		if _, err := os.Stat(path); err != nil {
			return err
		}
		return fmt.Errorf("image %s: damaged, too large, or not what its name says", filepath.Base(path))
	}
	var err error
	if is16(&img) {
		err = d.copyDeep(path, f, &img)
	} else {
		err = copyPixels(f, &img)
	}
	if err != nil {
		return fmt.Errorf("image %s: %w", filepath.Base(path), err)
	}
	return nil
}

// copyDeep reduces 16-bit samples, of which the folder's images use d.depth bits, to 8 bits.
func (d *folder) copyDeep(path string, f *video.Frame, m *gocv.Mat) error {
	values, err := m.DataPtrUint16()
	if err != nil {
		return err
	}
	f.Width, f.Height, f.Channels = m.Cols(), m.Rows(), m.Channels()
	f.Pix = f.Pix[:0]
	white := 0
	for _, v := range values {
		v >>= d.depth - 8
		if v > 255 {
			v, white = 255, white+1
		}
		f.Pix = append(f.Pix, byte(v))
	}
	if white > 0 {
		d.add(fmt.Sprintf("%s has values above %d bits, which are made white: the images looked at before had none",
			filepath.Base(path), d.depth))
	}
	return nil
}
