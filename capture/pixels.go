package capture

import (
	"errors"
	"fmt"
)

// MaxPixels is how many pixels a picture may have: those of 8K (7680x4320), and a few more. A larger one is refused
// before room is made for it; a file of some kilobytes may ask for gigabytes. guard.h has the same number.
const MaxPixels = 1 << 25

// ErrTooLarge means that a picture has more than MaxPixels.
var ErrTooLarge = errors.New("the picture is too large")

// checkPixels refuses a size.
func checkPixels(w, h int) error {
	if w > 0 && h > MaxPixels/w {
		return fmt.Errorf("%w: it has %dx%d pixels; at most %d are read, as 7680x4320", ErrTooLarge, w, h, MaxPixels)
	}
	return nil
}
