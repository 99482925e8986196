package video

import (
	"time"
)

// ModelPicture is a picture as the model sees it. Its data is shared and must not be changed.
type ModelPicture struct {
	Seq  uint64        // the Frame's
	PTS  time.Duration // the Frame's
	Side int           // the picture is Side x Side pixels
	Gray []byte        // [Side][Side], row-major
	Gap  bool          // it does not follow the picture before it
}
