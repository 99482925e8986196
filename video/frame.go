// Package video is what passes between the stages, as plain data: a Frame as it was decoded, a Picture as the model sees
// it, a Cuboid of 16 of them, and a Preview for people. It imports nothing of this program.
package video

import "time"

// Frame is one picture of a stream.
type Frame struct {
	// Seq counts the pictures that a source delivered, from 0; it never restarts, not even after a reopening.
	Seq uint64
	// PTS is the stream's own clock: media time since the source was opened, not wall time.
	PTS time.Duration
	// Arrival is when the picture was in our hands, with Go's monotonic reading.
	Arrival time.Time
	// Opening counts how often the source had been opened when this picture was read, from 1. Two frames with
	// different openings have a gap of unknown length between them.
	Opening int
	// Cut means that an unknown time lies between this picture and the one before, whatever PTS says: the stream's
	// clock leapt.
	Cut bool
	// Same means that a live source gave the picture before this one again, bit for bit.
	Same bool
	// Width and Height are in pixels, Channels is 1 (grey) or 3 (BGR).
	Width, Height, Channels int
	// Pix is [Height][Width][Channels], row-major, without padding.
	Pix []byte
}
