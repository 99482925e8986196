//go:build !cgo || !gocv_videoio

package preprocess

import (
	"errors"

	"vigil/geometry"
	"vigil/video"
)

// Preparer is a stub: this build has no OpenCV.
type Preparer struct{}

// NewPreparer returns a Preparer whose methods fail.
func NewPreparer(int, []geometry.Polygon) *Preparer { return &Preparer{} }

// Close does nothing.
func (*Preparer) Close() error { return nil }

// Prepare returns an error.
func (*Preparer) Prepare(*video.Frame) (video.Picture, error) {
	return video.Picture{},
		errors.New("this vigil was built without OpenCV: install it and FFmpeg's headers (scripts/setup does) and " +
			"build with cgo and -tags gocv_specific_modules,gocv_videoio")
}

// PrepareLuma returns an error.
func (p *Preparer) PrepareLuma(f *video.Frame) (video.Picture, error) { return p.Prepare(f) }
