//go:build !cgo || !gocv_videoio

package preprocess

import (
	"errors"

	"vigil/capture"
)

// Preparer makes Pictures of Frames. This build cannot.
type Preparer struct{}

// NewPreparer gives a Preparer that only says what is missing.
func NewPreparer(int, []Polygon) *Preparer { return &Preparer{} }

// Close does nothing.
func (*Preparer) Close() error { return nil }

// Prepare says what is missing.
func (*Preparer) Prepare(*capture.Frame) (Picture, error) {
	return Picture{},
		errors.New("this vigil was built without OpenCV: install it and FFmpeg's headers (scripts/setup does) and " +
			"build with cgo and -tags gocv_specific_modules,gocv_videoio")
}

// PrepareLuma says what is missing.
func (p *Preparer) PrepareLuma(f *capture.Frame) (Picture, error) { return p.Prepare(f) }
