//go:build cgo && gocv_videoio

package capture

// #include "ffmpeg.h"
import "C"

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Remux copies a file's video to a container chosen by the new name's extension, without transcoding. FFmpeg supports
// more containers than OpenCV, and puts the index of an MP4 file first, so that a player can start before it has all.
func Remux(from, to string) error {
	var paths [2]string
	for i, p := range []string{from, to} {
		abs, err := filepath.Abs(p)
		if err != nil {
			return err
		}
		paths[i] = abs // FFmpeg sees no protocol in an absolute path
	}
	if code := call(func(s ...*C.char) C.int { return C.vigil_remux(s[0], s[1]) }, paths[:]...); code < 0 {
		return fmt.Errorf("copying the video of %s to %s: %w", from, to, errors.New(codeText(code)))
	}
	return nil
}
