package source

// Values of the key reader, which selects what reads a URL.
const (
	FFmpeg = "ffmpeg"
	GoCV   = "gocv"
)
