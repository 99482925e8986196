package eval

import (
	"math"
	"slices"

	"vigil/pipeline/detect"
	"vigil/video"
)

// Recording is a test video with its labels and its scored clips.
type Recording struct {
	Name     string
	Camera   string        // calibrations are per camera; empty if the data set has only one
	Abnormal []bool        // for each frame
	Clips    []detect.Clip // at hop 1, partial ones too, in the order of the video; their Map is not kept
	FPS      float64       // frames per second of stream time; NaN or 0 if not known
	Kind     Kind          // of event; the zero value if the data set has no kinds
	// Untrusted are the times in which the camera was reported as not to be trusted.
	Untrusted []Untrusted
}

// knowsRate reports whether the frame rate is known.
func (r Recording) knowsRate() bool { return r.FPS > 0 }

// rate is FPS, or NaN if it is not known: times are then undefined, not infinite, and no comparison with them holds.
func (r Recording) rate() float64 {
	if !r.knowsRate() {
		return math.NaN()
	}
	return r.FPS
}

// Subsample selects from clips at hop 1 those that the pipeline yields at a larger hop: every hop-th clip, counted from
// each gap, as preprocess.Window counts.
func Subsample(clips []detect.Clip, hop int) []detect.Clip {
	var out []detect.Clip
	since := 0
	for _, c := range clips {
		if c.Partial() {
			since = 0
			if (video.CuboidFrames-c.Pictures)%hop == 0 {
				out = append(out, c)
			}
			continue
		}
		if c.Gap {
			since = 0
		}
		if since%hop == 0 {
			out = append(out, c)
		}
		since++
	}
	return out
}

// Paper is the paper's alignment (Gong et al., ICCV 2019, section 3.4): the clip that starts at frame s scores frame s
// + 8, so the first 8 and the last 7 frames of a video do not count, and the errors of each video are scaled to [0, 1]
// by its own minimum and maximum. A video whose errors are all equal gets 0 everywhere.
func Paper(r Recording) Series {
	s := Raw(r)
	low, high := math.Inf(1), math.Inf(-1)
	for _, e := range s.Scores {
		low, high = min(low, e), max(high, e)
	}
	for i, e := range s.Scores {
		s.Scores[i] = 0
		if high > low {
			s.Scores[i] = (e - low) / (high - low)
		}
	}
	return s
}

// Raw counts the same frames as Paper, with the model's unscaled errors; a calibration's spatial weights are not
// applied. External scores may also cover the first 8 and the last 7 frames; those do not count.
func Raw(r Recording) Series {
	s := Series{Video: r.Name}
	for _, c := range FullClips(r.Clips) {
		if c.Centre.Frame < video.CuboidFrames/2 || c.Centre.Frame+afterCentre >= uint64(len(r.Abnormal)) {
			continue
		}
		s.Scores = append(s.Scores, c.Readings[0].Raw)
		s.Abnormal = append(s.Abnormal, r.Abnormal[c.Centre.Frame])
	}
	return s
}

// FullClips are the clips that are not partial.
func FullClips(clips []detect.Clip) []detect.Clip {
	return slices.DeleteFunc(slices.Clone(clips), detect.Clip.Partial)
}

// LiveCentred is the live alignment with the label at the clip's start + 8. Every frame counts: a clip's score holds
// from its start + 8 until the next clip's start + 8, and the last one to the end of the video. The first 8 frames take
// the first clip's score, since they lie within that clip. Partial clips are not used. A frame's score may depend on up
// to 7 later frames. Clips are at the live hop; value maps a clip to a score by what is known from normal video.
func LiveCentred(r Recording, clips []detect.Clip, value func(detect.Clip) float64) Series {
	clips = FullClips(clips)
	first := math.Inf(-1)
	if len(clips) > 0 {
		first = value(clips[0])
	}
	return holdLast(r, clips, value, first, func(c detect.Clip) uint64 { return c.Centre.Frame })
}

// NoDelay is the live alignment without lookahead, as for alerts. Every frame counts: frame t takes the score of the
// latest clip that ended at t or before. Partial clips count. Frames before the end of the first clip have no score yet
// and rank below all others (-Inf). At a gap, the last score holds until the next one.
func NoDelay(r Recording, clips []detect.Clip, value func(detect.Clip) float64) Series {
	return holdLast(r, clips, value, math.Inf(-1), func(c detect.Clip) uint64 { return c.Last.Frame })
}

// holdLast gives every frame the score of the latest clip whose frame has been reached; before the first one, first.
func holdLast(r Recording, clips []detect.Clip, value func(detect.Clip) float64, first float64,
	frame func(detect.Clip) uint64,
) Series {
	s := Series{Video: r.Name, Abnormal: r.Abnormal, Scores: make([]float64, len(r.Abnormal))}
	now, next := first, 0
	for t := range s.Scores {
		for next < len(clips) && frame(clips[next]) <= uint64(t) {
			now = value(clips[next])
			next++
		}
		s.Scores[t] = now
	}
	return s
}

// afterFirstScore is s without the leading frames that have no score yet.
func afterFirstScore(s Series) Series {
	from := 0
	for from < len(s.Scores) && math.IsInf(s.Scores[from], -1) {
		from++
	}
	return Series{Video: s.Video, Scores: s.Scores[from:], Abnormal: s.Abnormal[from:]}
}
