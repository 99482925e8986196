package detect

import (
	"time"

	"vigil/geometry"
	"vigil/video"
)

// Centre is the index of the cuboid's frame that the score belongs to: start + 8, as in the paper's protocol (Gong et
// al., ICCV 2019).
const Centre = video.CuboidFrames / 2

// Clip is a scored cuboid.
type Clip struct {
	Camera       string
	First        Moment // the cuboid's first frame
	Centre       Moment // frame Centre, which the score belongs to in the paper's protocol
	Last         Moment // the cuboid's last frame
	ScoredFrom   Moment // first of the frames that the score covers: the last Spec.ScoredFrames of the cuboid
	ScoredCentre Moment // middle frame of these, which Map and Boxes show
	// Readings are the errors by the score of the weights and, where that is Motion, by Appearance.
	Readings   [2]Reading
	Cause      Measure // that Error and Regularity are of: the one nearest to its threshold, or the farthest above it
	Error      float64 // with the calibration's SensitivityMap applied
	Excess     float64 // of Error on its Scale; 0 without a threshold
	Regularity float64 // NaN without a threshold
	Gap        bool    // the first cuboid after a gap
	Untrusted  string  // why the camera cannot be trusted; then Regularity is NaN and Cause empty. "" if it can
	Doubt      bool    // the camera may have lost its view, so the clip does not end an event as calm
	Held       bool    // the calibration does not fit the source, so the clip cannot raise an event
	Generation int     // of the source: its opening, counted from 1
	Pictures   int     // number of real pictures: video.CuboidFrames, or fewer for a partial clip
	Boxes      []geometry.Box
	Zones      []string
	Map        []float32 // error map, [side][side] of the model's input; valid only during the call
	FPS        float64   // of the frames that the model sees
	Width      int       // of the source, in pixels
	Height     int
	Capture    time.Duration // from the last frame's arrival to the complete cuboid
	Queue      time.Duration // in the mailbox
	Score      time.Duration // in the model
}

// Partial reports whether the clip has fewer pictures than a full one. Its Centre is no further from its end than a
// full clip's.
func (c Clip) Partial() bool { return c.Pictures > 0 && c.Pictures < video.CuboidFrames }

// Moment locates a frame in the stream.
type Moment struct {
	Frame uint64        // sequence number
	PTS   time.Duration // stream time
	Wall  time.Time     // arrival
}

// Time returns the clip's stream time, which is its centre's.
func (c Clip) Time() time.Duration { return c.Centre.PTS }
