package thread

import (
	"context"

	"vigil/alerts"
	"vigil/video"
)

// Media gives access to recent pictures of a camera.
type Media interface {
	// Previews returns small pictures from one frame to another, inclusive, the oldest first.
	Previews(from, to uint64) []video.Preview
	// Still returns the picture of full size nearest to a frame, or with full false the nearest preview.
	Still(ctx context.Context, seq uint64) (jpeg []byte, full bool, err error)
	// ModelInput returns the model's input pictures from one frame to another, inclusive, the oldest first.
	ModelInput(from, to uint64) []video.ModelPicture
}

// Request is a message of an event with its media.
type Request struct {
	Alert alerts.Alert
	// Heat is the error map of the peak, [Side][Side], row-major; nil if the peak has not changed since the last
	// message.
	Heat  []float32
	Side  int
	Media Media // may be nil
	// Before is for the start of kind untrusted.
	Before Before
}

// Before is what an untrusted camera showed before: a frame, or where none was seen the learned View, a PNG.
type Before struct {
	Frame uint64
	View  []byte
}

// Result is all evidence of an event made so far.
type Result struct {
	Camera, AlertID string
	Items           []alerts.Evidence
	Pending         []alerts.PendingEvidence // in progress, for an event that has ended
	Missing         []alerts.MissingEvidence // could not be made
	Last            bool                     // no further Result follows
}
