package video

// Info describes a source as known when it is opened.
type Info struct {
	Width, Height int     // in pixels
	FPS           float64 // 0 if unknown
	Frames        int     // 0 if unknown; for some containers estimated from the duration
	Live          bool    // as Address.Live
}
