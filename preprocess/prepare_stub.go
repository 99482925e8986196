//go:build !cgo || !gocv_videoio

package preprocess

import (
	"errors"

	"vigil/geometry"
	"vigil/video"
)

// Preparer makes Pictures of CuboidFrames. This build cannot.
type Preparer struct{}

// NewPreparer gives a Preparer that only says what is missing.
func NewPreparer(int, []geometry.Polygon) *Preparer { return &Preparer{} }

// Close does nothing.
func (*Preparer) Close() error { return nil }

// Prepare says what is missing.
func (*Preparer) Prepare(*video.Frame) (video.Picture, error) {
	return video.Picture{},
		errors.New("this vigil was built without OpenCV: install it and FFmpeg's headers (scripts/setup does) and " +
			"build with cgo and -tags gocv_specific_modules,gocv_videoio")
}

// PrepareLuma says what is missing.
func (p *Preparer) PrepareLuma(f *video.Frame) (video.Picture, error) { return p.Prepare(f) }
