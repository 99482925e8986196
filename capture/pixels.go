package capture

import (
	"fmt"

	"vigil/internal/errcode"
)

// MaxPixels is the maximum number of pixels in a frame: 8K (7680x4320) and a little more. Larger frames are refused
// before memory is allocated, because a file of some kilobytes may declare gigabytes. guard.h has the same number.
const MaxPixels = 1 << 25

// ErrTooLarge means that a picture has more than MaxPixels.
var ErrTooLarge = errcode.CameraTooLarge.New("the picture is too large")

// checkPixels returns an error for a size that is not allowed.
func checkPixels(w, h int) error {
	if w > 0 && h > MaxPixels/w {
		return fmt.Errorf("%w: it has %dx%d pixels; at most %d are read, as 7680x4320", ErrTooLarge, w, h, MaxPixels)
	}
	return nil
}
