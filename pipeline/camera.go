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

// Preparer converts a frame to the model's grey picture.
type Preparer interface {
	Prepare(f *video.Frame) (video.Picture, error)
	Close() error
}

// Camera is one source with its model, threshold and settings.
type Camera struct {
	Name string
	// Open opens the source for the n-th time, from 1; its frames are numbered from firstSeq.
	Open func(ctx context.Context, firstSeq uint64, generation int) (Stream, error)
	// NewPreparer returns the camera's own preparer for the model's input side.
	NewPreparer func() (Preparer, error)
	// Pictures, if set, opens the source instead of Open and NewPreparer.
	Pictures func(ctx context.Context, o OpenRequest) (PictureSource, error)
	// Media, if set, buffers the camera's pictures for evidence. If Pictures is set, its PictureSource must call
	// AddPreview.
	Media *MediaBuffer

	Model     *model.Model
	Threshold Threshold
	// Uncalibrated says why Threshold.Calibration was not made for the camera's settings, and what mends that: its
	// clips are scored, and events that would start are only counted. It is "" for one that fits.
	Uncalibrated string
	// Recalibrate is how to make a calibration that fits, as a command for people. It is added to the detail of a size
	// or a rate that does not fit; "" adds nothing.
	Recalibrate string
	// Sensitivity is the calibration whose SensitivityMaps weight the picture; nil uses the Threshold's.
	Sensitivity *calibrate.Calibration
	// Adaptive, if set, adapts the thresholds of Threshold.Calibration while no event is open, and OnAdapted is called
	// with them. It must not block. Adaptive belongs to Run until it has returned.
	Adaptive  *calibrate.Adaptive
	OnAdapted func(*calibrate.Adapted)
	// Background is the camera's empty scene, [S][S] in [-1, 1], for a model that knows no place; nil is that of the
	// calibration. Other models ignore it.
	Background []float32
	// Live reopens a source that fails, forever; a recording ends.
	Live bool
	// Lossless makes the camera wait for the scorer, so that every cuboid of a recording is scored.
	Lossless bool
	// FPS is the rate that the model sees, 0 for every frame; Hop is in those frames.
	FPS float64
	Hop int
	// PartialClips scores clips of fewer than 16 pictures; see preprocess.WindowConfig.
	PartialClips bool

	// AlwaysTrusted leaves out whether the camera is covered or moved, even if its calibration has a Reference.
	AlwaysTrusted bool
	// OnPicture is called in the reader's goroutine with each picture and its stream time; gap says that it does not
	// follow the one before. Its Gray is valid during the call. It may be nil.
	OnPicture func(pic *video.Picture, at time.Duration, gap bool)

	Mask     []geometry.Polygon
	Zones    []detect.Zone
	Detector detect.Config
	// Armed reports whether events may be open at a time; nil for always. The camera's reader and the scheduler call
	// it.
	Armed func(time.Time) bool
	// Suspended reports whether somebody has switched the camera's events off at a time; nil for never. The same call
	// it.
	Suspended func(time.Time) Suspension
	// RetryMin and RetryMax bound the delay before a live source is reopened.
	RetryMin, RetryMax time.Duration
	// FrozenAfter is how long a live source may repeat one picture before its state is frozen; 0 for no limit.
	FrozenAfter time.Duration
	// NoClipsAfter is how long a live source may deliver pictures without a clip before that is its state; 0 for no
	// limit.
	NoClipsAfter time.Duration
}

// Threshold maps raw errors to regularity. The zero value gives scores only, no events.
type Threshold struct {
	Lo, Theta   float64
	Calibration *calibrate.Calibration // source of Lo and Theta; nil if they are constants from the configuration
}

// Scales are the camera's scales of the measures that count; nil without a threshold.
func (t Threshold) Scales() []detect.Scale {
	switch {
	case !t.set():
		return nil
	case t.Calibration != nil:
		return t.Calibration.Scales()
	}
	return []detect.Scale{{Lo: t.Lo, Theta: t.Theta}}
}

// set reports whether there is a threshold.
func (t Threshold) set() bool { return t.Theta > t.Lo }

// CalibrationKey returns the part of a calibration's key that the settings determine; width, height and frame rate come
// from the source.
func (c *Camera) CalibrationKey() calibrate.Key {
	return calibrate.Key{Camera: c.Name, Model: c.Model.Hash(), Mask: calibrate.MaskHash(c.Mask), Hop: c.Hop}
}
