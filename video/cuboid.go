package video

import "time"

// CuboidFrames is the length of a cuboid: MemAE's T.
const CuboidFrames = 16

// Picture is a frame prepared for the model: grey, masked and resized.
type Picture struct {
	Seq           uint64        // the Frame's
	PTS           time.Duration // the Frame's
	Arrival       time.Time     // the Frame's
	Generation    int           // the Frame's
	Width         int           // of the Frame, in pixels
	Height        int           // of the Frame
	Side          int           // S, side of the model's input
	Same          bool          // the Frame's
	Discontinuity bool          // the Frame's
	Gray          []byte        // [S][S], row-major; valid until the next picture
}

// Cuboid is the model's input: CuboidFrames consecutive pictures of one camera.
type Cuboid struct {
	X       []float32                   // [16][S][S], row-major, in [-1, 1] (grey/127.5 - 1)
	Seq     [CuboidFrames]uint64        // sequence number of each frame
	PTS     [CuboidFrames]time.Duration // stream time of each frame
	Arrival [CuboidFrames]time.Time     // arrival of each frame
	// Pictures is the number of real pictures: 16, or fewer for a partial cuboid
	// (preprocess.WindowConfig.PartialClips). Then Seq, PTS and Arrival repeat the oldest picture's at the front, so
	// they stay in order.
	Pictures   int
	Generation int  // of the source
	Gap        bool // first cuboid after a gap
	Doubt      bool // the camera may have lost its view
	Width      int  // of the source, in pixels
	Height     int
}

// FPS returns the rate of the cuboid's frames, in frames a second of stream time.
func (c *Cuboid) FPS() float64 {
	return float64(c.Pictures-1) / (c.PTS[CuboidFrames-1] - c.PTS[0]).Seconds()
}
