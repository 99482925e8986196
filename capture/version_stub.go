//go:build !cgo || !gocv_videoio

package capture

// Libraries are the versions of OpenCV and of FFmpeg that this process has loaded; empty in a build without them.
func Libraries() (opencv, ffmpeg string) { return "", "" }
