package video

import (
	"time"
)

// ModelPicture is a picture as the model saw it. What it holds is shared and must not be changed.
type ModelPicture struct {
	Seq  uint64        // the Frame's
	PTS  time.Duration // the Frame's
	Side int           // of the square
	Gray []byte        // [Side][Side], row-major
	Gap  bool          // it does not follow the one before it
}
