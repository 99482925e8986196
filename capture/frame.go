// Package capture turns cameras, files and folders into Frames: plain pixels with their place in time.
//
// Nothing of GoCV leaves this package. A Frame belongs to the caller until the next Read of the same Source.
package capture

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
