package thread

import (
	"context"

	"vigil/alerts"
	"vigil/video"
)

// Media is what a camera saw lately.
type Media interface {
	// Previews gives small pictures from one frame to another, both included, the oldest first.
	Previews(from, to uint64) []video.Preview
	// Still gives the picture of full size that is the nearest to a frame, or with full false the nearest preview.
	Still(ctx context.Context, seq uint64) (jpeg []byte, full bool, err error)
	// ModelInput gives the pictures that the model saw from one frame to another, both included, the oldest first.
	ModelInput(from, to uint64) []video.ModelPicture
}

// Request is a message of an event, with what it was seen by.
type Request struct {
	Alert alerts.Alert
	// Heat is the error map of the peak, [Side][Side], row-major; nil where the peak has not changed since the last
	// message.
	Heat  []float32
	Side  int
	Media Media // nil for none
}

// Result is evidence of an event that is ready: everything that was made so far.
type Result struct {
	Camera, AlertID string
	Items           []alerts.Evidence
	Pending         []alerts.PendingEvidence // what is being made of an event that is over
	Missing         []alerts.MissingEvidence // what will not be there of it
	Last            bool                     // nothing more will come
}
