package source

// What reads a URL: the values of the key reader.
const (
	FFmpeg = "ffmpeg"
	GoCV   = "gocv"
)
