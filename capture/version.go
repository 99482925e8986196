//go:build cgo && gocv_videoio

package capture

// #cgo pkg-config: libavutil
// #include <libavutil/avutil.h>
import "C"

import "gocv.io/x/gocv"

// Libraries returns the versions of OpenCV and FFmpeg that this process has loaded; empty in a build without them.
func Libraries() (opencv, ffmpeg string) {
	return gocv.OpenCVVersion(), C.GoString(C.av_version_info())
}
