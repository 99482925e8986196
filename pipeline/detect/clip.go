package detect

import (
	"time"

	"vigil/geometry"
	"vigil/video"
)

// Centre is the frame of a cuboid that its score is given to: the clip's start + 8, as in the paper's protocol (Gong
// et al., ICCV 2019).
const Centre = video.CuboidFrames / 2

// Clip is a scored cuboid.
type Clip struct {
	Camera     string
	First      Moment  // the cuboid's first frame
	Centre     Moment  // start + 8: the frame that the score belongs to in the paper's protocol
	Last       Moment  // the cuboid's last frame
	From       Moment  // the first of the frames that the score is made of: the model's Spec.Last at the cuboid's end
	Seen       Moment  // the middle one of these, which Map and Boxes show
	Error      float64 // as it is judged: the calibration's Places are weighed
	Raw        float64 // as the model has it
	Regularity float64 // NaN without a calibration
	Gap        bool    // the first cuboid after a gap
	Held       bool    // the calibration does not fit what the camera sent, so nothing came of the clip
	Opening    int     // of the source, from 1
	Pictures   int     // that it has: preprocess.CuboidFrames, or fewer for an early one
	Boxes      []geometry.Box
	Zones      []string
	Map        []float32 // the error map, [side][side] of the model's input; valid only while the clip is handed on
	// the highest windows of each cell, as model.Score has them; nil where the score has no windows
	Cells   []float32
	FPS     float64 // of the frames that the model saw
	Width   int     // of the source, in pixels
	Height  int
	Capture time.Duration // from the last frame's arrival to the complete cuboid
	Queue   time.Duration // in the mailbox
	Score   time.Duration // in the model
}

// Early says that the clip has fewer pictures than a whole one. Its Centre is no further from its end than a whole
// one's.
func (c Clip) Early() bool { return c.Pictures > 0 && c.Pictures < video.CuboidFrames }

// Moment is a frame's place in the stream.
type Moment struct {
	Frame uint64        // sequence number
	PTS   time.Duration // stream time
	Wall  time.Time     // arrival
}

// Time is the clip's stream time: that of its centre.
func (c Clip) Time() time.Duration { return c.Centre.PTS }
