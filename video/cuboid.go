package video

import "time"

// CuboidFrames is the length of a cuboid: MemAE's T.
const CuboidFrames = 16

// Picture is a frame made ready for the model: grey, masked and resized.
type Picture struct {
	Seq     uint64        // the Frame's
	PTS     time.Duration // the Frame's
	Arrival time.Time     // the Frame's
	Opening int           // the Frame's
	Width   int           // of the Frame it was made from, in pixels
	Height  int           // likewise
	Side    int           // S, the model's input side
	Same    bool          // the Frame's
	Cut     bool          // the Frame's
	Gray    []byte        // [S][S], row-major; valid until the next picture
}

// Cuboid is the model's input: CuboidFrames unbroken pictures of one camera.
type Cuboid struct {
	X       []float32                   // [16][S][S], row-major, in [-1, 1] (grey/127.5 - 1)
	Seq     [CuboidFrames]uint64        // the sequence number of each frame
	PTS     [CuboidFrames]time.Duration // stream time of each frame
	Arrival [CuboidFrames]time.Time     // when each frame was in our hands
	// Pictures is how many there are: 16, or fewer for an early one (WindowConfig.Early). That one's Seq, PTS and
	// Arrival are in order all the same: what is missing before the oldest picture is that picture.
	Pictures int
	Opening  int  // of the source
	Gap      bool // this is the first cuboid after a gap
	Width    int  // of the source, in pixels
	Height   int  // likewise
}

// FPS is the rate of the cuboid's frames, in frames a second of stream time.
func (c *Cuboid) FPS() float64 {
	return float64(c.Pictures-1) / (c.PTS[CuboidFrames-1] - c.PTS[0]).Seconds()
}
