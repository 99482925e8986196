package train

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"vigil/model"
)

// Video is an unbroken recording of what is normal, made ready for the model.
type Video struct {
	Name          string // for messages
	Width, Height int    // of the source's pictures, in pixels
	Side          int    // S
	Gray          []byte // [frames][S][S], row-major
}

// Frames is the recording's length.
func (v *Video) Frames() int { return len(v.Gray) / (v.Side * v.Side) }

// ErrTooLittle says that there are not enough clips to learn from.
var ErrTooLittle = errors.New("too little video")

// CheckVideos says what keeps videos from being one camera's, and the model's side from being theirs.
func CheckVideos(videos []Video, side int) error {
	if len(videos) == 0 {
		return fmt.Errorf("%w: there is none", ErrTooLittle)
	}
	var first *Video
	for i := range videos {
		v := &videos[i]
		if v.Side != side || len(v.Gray)%(side*side) != 0 {
			return fmt.Errorf("%s: %d bytes of %d x %d pixels, the model takes %d x %d", v.Name, len(v.Gray), v.Side,
				v.Side, side, side)
		}
		if v.Width == side && v.Height == side {
			continue // what a model saw of a camera, which may be of any size
		}
		if first == nil {
			first = v
		}
		if v.Width != first.Width || v.Height != first.Height {
			return fmt.Errorf("%s: pictures are %dx%d, those of %s %dx%d: a model learns from videos of one size",
				v.Name, v.Width, v.Height,
				first.Name, first.Width, first.Height)
		}
	}
	return nil
}

// digest tells whether a resumed run sees the same videos; names do not count.
func digest(videos []Video) string {
	h := sha256.New()
	for i := range videos {
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(videos[i].Gray))))
		_, _ = h.Write(videos[i].Gray)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// segment is a part of a video that is used for one purpose; clips and pseudo-anomalies never leave it.
type segment struct {
	gray   []byte
	frames int
}

const (
	// heldOutShare is which part of all frames is held out: one of so many.
	heldOutShare = 20
	// minHeldOutFrames is the least that a video's end gives to be held out: room for a clip of double speed.
	minHeldOutFrames = 2 * model.Frames
	// minHeldOutVideos is from how many videos on whole ones are held out.
	minHeldOutVideos = 4
)

// split holds a twentieth of the frames out: whole videos, drawn by the seed, where there are several, so that nothing
// that is learned is a moment away from what is watched; else the end of each video. Where all are too short for that
// nothing is held out.
func split(videos []Video, seed uint64) (learn, held []segment) {
	whole := make([]segment, len(videos))
	total := 0
	for i := range videos {
		whole[i] = segment{gray: videos[i].Gray, frames: videos[i].Frames()}
		total += whole[i].frames
	}
	if len(videos) >= minHeldOutVideos {
		out := make([]bool, len(videos))
		taken := 0
		for _, i := range rngFor(seed, rngSplit, 0).Perm(len(videos)) {
			n := whole[i].frames
			// A video that is most of what there is must be learned from.
			if taken < total/heldOutShare && n >= minHeldOutFrames && taken+n <= total/4 {
				out[i] = true
				taken += n
			}
		}
		if taken > 0 {
			for i, s := range whole {
				if out[i] {
					held = append(held, s)
				} else {
					learn = append(learn, s)
				}
			}
			return learn, held
		}
	}
	for _, s := range whole {
		if tail := max(s.frames/heldOutShare, minHeldOutFrames); s.frames >= 4*tail {
			area := len(s.gray) / s.frames
			at := s.frames - tail
			held = append(held, segment{gray: s.gray[at*area:], frames: tail})
			s = segment{gray: s.gray[:at*area], frames: at}
		}
		learn = append(learn, s)
	}
	return learn, held
}

// clipStart is where a clip begins.
type clipStart struct{ segment, frame int }

// clipStarts are those of all clips, stride frames apart.
func clipStarts(all []segment, stride int) []clipStart {
	var out []clipStart
	for i, s := range all {
		for frame := 0; frame+model.Frames <= s.frames; frame += stride {
			out = append(out, clipStart{i, frame})
		}
	}
	return out
}
