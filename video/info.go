package video

// Info is what a source says of itself when it is opened.
type Info struct {
	Width, Height int     // in pixels
	FPS           float64 // 0 where unknown
	Frames        int     // 0 where unknown; for some containers an estimate from the duration
	Live          bool    // as Address.Live
}
