package capture

import (
	"context"
	"os"
)

const (
	// ffmpegOptions is the environment variable through which OpenCV takes options for FFmpeg.
	ffmpegOptions = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
	// ffmpegLog is the environment variable with FFmpeg's log level, and quiet the level that logs nothing.
	ffmpegLog = "OPENCV_FFMPEG_LOGLEVEL"
	quiet     = "-8"
)

// ffmpegEnv has capacity 1 and is full while the environment's options are in use: they apply to the whole process, so
// OpenCV opens one source at a time. Live cameras are opened in a process each.
var ffmpegEnv = make(chan struct{}, 1)

// withFFmpegOptions calls open while OpenCV's options for FFmpeg are set. It returns the context's error if that ends
// before the call.
func withFFmpegOptions(ctx context.Context, options string, open func()) error {
	select {
	case ffmpegEnv <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-ffmpegEnv }()
	if err := os.Setenv(ffmpegOptions, options); err != nil {
		return err
	}
	// FFmpeg's own log lines do not name the camera, and failures are returned as errors.
	if err := os.Setenv(ffmpegLog, quiet); err != nil {
		return err
	}
	open()
	return nil
}
