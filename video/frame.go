// Package video has the data that passes between the stages: a decoded Frame, a Picture for the model, a Cuboid of 16
// of them, and a Preview for people. It imports no other package of this program.
package video

import "time"

// Frame is one picture of a stream.
type Frame struct {
	// Seq numbers the pictures of a source, from 0; it never restarts, not even after a reopening.
	Seq uint64
	// PTS is media time since the source was opened, not wall time.
	PTS time.Duration
	// Arrival is when the picture was received, with Go's monotonic reading.
	Arrival time.Time
	// Generation counts the openings of the source, from 1. Two frames of different generations have a gap of unknown
	// length between them.
	Generation int
	// Discontinuity means that the stream's clock jumped: the time since the previous picture is unknown, whatever PTS
	// says.
	Discontinuity bool
	// Same means that a live source repeated the previous picture bit for bit.
	Same bool
	// Width and Height are in pixels, Channels is 1 (grey) or 3 (BGR).
	Width, Height, Channels int
	// Pix is [Height][Width][Channels], row-major, without padding.
	Pix []byte
}
