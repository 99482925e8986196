package capture

// What Options.Reader may be.
const (
	FFmpeg = "ffmpeg"
	GoCV   = "gocv"
)
