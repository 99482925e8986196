//go:build !cgo || !gocv_videoio

package capture

// Libraries returns the versions of OpenCV and FFmpeg that this process has loaded; empty in a build without them.
func Libraries() (opencv, ffmpeg string) { return "", "" }
