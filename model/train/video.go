package train

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"vigil/internal/errcode"
	"vigil/model"
)

// Video is a continuous recording of normal video, scaled for the model.
type Video struct {
	Name          string // for messages
	Width, Height int    // of the source's pictures, in pixels
	Side          int    // S
	Gray          []byte // [frames][S][S], row-major
	// Place is where the camera hangs. Videos of one place share a background; a run on several places makes weights
	// that know none.
	Place string
	// Repeat is how often an epoch takes each clip; 0 for once.
	Repeat int
}

// Frames is the recording's length.
func (v *Video) Frames() int { return len(v.Gray) / (v.Side * v.Side) }

// ErrTooLittle says that there are not enough clips for training.
var ErrTooLittle = errcode.TrainingTooLittle.New("too little video")

// CheckVideos returns an error unless the videos have the model's side and come from pictures of one size.
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
			continue // recorded at the model's size; the camera's size is not known
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

// digest identifies the videos' content, for resuming; names do not count.
func digest(videos []Video) string {
	h := sha256.New()
	for i := range videos {
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(videos[i].Gray))))
		_, _ = h.Write(videos[i].Gray)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// segment is a part of a video with a single purpose; clips and pseudo-anomalies never leave it.
type segment struct {
	gray   []byte
	frames int
	place  *place // nil if there is only one
	repeat int
}

// place is the scene of a camera without moving objects, in grey levels and in [-1, 1], [S][S].
type place struct {
	grey   []byte
	scaled []float32
}

// places returns the place of each video, nil if all videos are of one.
func places(videos []Video) []*place {
	byName := map[string][]Video{}
	for _, v := range videos {
		byName[v.Place] = append(byName[v.Place], v)
	}
	if len(byName) < 2 {
		return nil
	}
	all, made := make([]*place, len(videos)), map[string]*place{}
	for i, v := range videos {
		if made[v.Place] == nil {
			scaled := make([]float32, v.Side*v.Side)
			background(scaled, byName[v.Place])
			made[v.Place] = &place{greyLevels(scaled), scaled}
		}
		all[i] = made[v.Place]
	}
	return all
}

const (
	// heldOutShare is the inverse of the share of frames that is held out.
	heldOutShare = 20
	// minHeldOutFrames is the least length of a held-out segment: enough for a clip at double speed.
	minHeldOutFrames = 2 * model.Frames
	// minHeldOutVideos is the least number of videos at which whole videos are held out.
	minHeldOutVideos = 4
)

// split holds out a twentieth of the frames: whole videos, drawn by the seed, if there are several, so that no training
// clip is close in time to a held-out one; else the end of each video. If all videos are too short, nothing is held
// out. at is the place of each video, or nil.
func split(videos []Video, at []*place, seed uint64) (learn, held []segment) {
	whole := make([]segment, len(videos))
	total := 0
	for i := range videos {
		whole[i] = segment{gray: videos[i].Gray, frames: videos[i].Frames(), repeat: videos[i].Repeat}
		if at != nil {
			whole[i].place = at[i]
		}
		total += whole[i].frames
	}
	if len(videos) >= minHeldOutVideos {
		out := make([]bool, len(videos))
		taken := 0
		for _, i := range rngFor(seed, rngSplit, 0).Perm(len(videos)) {
			n := whole[i].frames
			// A video that makes up most of the data must be used for training.
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
			cut := s.frames - tail
			end := s
			end.gray, end.frames = s.gray[cut*area:], tail
			held = append(held, end)
			s.gray, s.frames = s.gray[:cut*area], cut
		}
		learn = append(learn, s)
	}
	return learn, held
}

// clipStart is the position of a clip.
type clipStart struct{ segment, frame int }

// clipStarts lists the positions of all clips, stride frames apart.
func clipStarts(all []segment, stride int) []clipStart {
	var out []clipStart
	for i, s := range all {
		for range max(s.repeat, 1) {
			for frame := 0; frame+model.Frames <= s.frames; frame += stride {
				out = append(out, clipStart{i, frame})
			}
		}
	}
	return out
}
