package pipeline

import (
	"context"
	"time"

	"vigil/geometry"
	"vigil/model"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
	"vigil/video"
)

// Stream is an opened source of frames: a file, a folder, a live camera.
type Stream interface {
	Info() video.Info
	// Read fills f, or returns io.EOF at the end of a recording.
	Read(ctx context.Context, f *video.Frame) error
	Close() error
}

// Preparer makes a frame into the model's grey picture.
type Preparer interface {
	Prepare(f *video.Frame) (video.Picture, error)
	Close() error
}

// Camera is one source with everything that it is judged by.
type Camera struct {
	Name string
	// Open opens the source for the n-th time, from 1; its frames are numbered from firstSeq.
	Open func(ctx context.Context, firstSeq uint64, opening int) (Stream, error)
	// NewPreparer returns the camera's own preparer for the model's input side.
	NewPreparer func() (Preparer, error)
	// PictureSource, where it is set, opens the source in place of Open and NewPreparer.
	Pictures func(ctx context.Context, o OpenRequest) (PictureSource, error)
	// Media, where it is set, is fed with what the camera sees. The pictures of a source that another process
	// reads are kept there: PictureSource has to call AddPreview.
	Media *MediaBuffer

	Model     *model.Model
	Threshold Threshold
	// SensitivityMap weighs the picture; nil takes the calibration's.
	Sensitivity *calibrate.SensitivityMap
	// Live makes a source that breaks be opened again, for ever; a recording ends.
	Live bool
	// Lossless makes the camera wait for the scorer, so that every cuboid of a recording is scored.
	Lossless bool
	// FPS is the rate that the model sees, 0 for every frame; Hop is in those frames.
	FPS float64
	Hop int
	// PartialClips scores clips before 16 pictures have come, as preprocess.WindowConfig says.
	PartialClips bool

	Mask     []geometry.Polygon
	Zones    []detect.Zone
	Detector detect.Config
	// Armed says whether events may be open at a time; nil for always.
	Armed func(time.Time) bool
	// RetryMin and RetryMax bound the pause before a live source is opened again.
	RetryMin, RetryMax time.Duration
	// FrozenAfter is for how long a live source may repeat one picture before it counts as frozen; 0 for ever.
	FrozenAfter time.Duration
	// NoClipsAfter is for how long a live source may give pictures that make no clip before that is its state; 0 for
	// ever.
	NoClipsAfter time.Duration
}

// Threshold is what raw errors are judged by. The zero value judges nothing: scores only, no events.
type Threshold struct {
	Lo, Theta   float64
	Calibration *calibrate.Calibration // where Lo and Theta are from; nil if they were given as constants
}

// set reports whether there is anything to judge by.
func (t Threshold) set() bool { return t.Theta > t.Lo }

// CalibrationKey is what the camera's settings say of a calibration's key; width, height and frame rate are the
// source's to say.
func (c *Camera) CalibrationKey() calibrate.Key {
	return calibrate.Key{Camera: c.Name, Model: c.Model.Hash(), Mask: calibrate.MaskHash(c.Mask), Hop: c.Hop}
}
