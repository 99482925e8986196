package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"vigil/internal/median"
	"vigil/pipeline"
	"vigil/pipeline/detect"
)

// Scorer scores the test videos of a data set one after the other and collects the data for the figures.
type Scorer struct {
	Threads    int // of the model; 0 for all
	Recordings []Recording
	Pixels     Pixels
	Examples   Examples
	Size       [2]int // width and height of the last video scored, in pixels
}

// Score runs a video through the pipeline; cam must have hop 1. It is an error if the number of frames differs from
// that of the labels or masks.
func (s *Scorer) Score(ctx context.Context, v Video, cam pipeline.Camera) error {
	masks, err := openMasks(ctx, v)
	if err != nil {
		return err
	}
	defer masks.close()
	if masks.maskCursor != nil {
		s.Pixels.startVideo(v.Tracks != nil)
		masks.skip = s.Pixels.skip
	}
	r := Recording{Name: v.Name, Camera: v.Camera, Abnormal: v.Abnormal, Kind: v.Kind}
	var fps []float64
	var failed error
	watch, cancel := context.WithCancel(ctx)
	defer cancel()
	stats, err := pipeline.Run(watch, []pipeline.Camera{cam},
		pipeline.Options{Threads: s.Threads, OnAlert: r.AddReport, OnClip: func(c detect.Clip) {
			if failed != nil {
				return
			}
			if !c.Partial() {
				if failed = s.addClip(ctx, v, masks, c); failed != nil {
					cancel()
					return
				}
			}
			c.Map = nil
			r.Clips = append(r.Clips, c)
			if !c.Partial() {
				fps = append(fps, c.FPS)
			}
			s.Size = [2]int{c.Width, c.Height}
		}})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failed != nil:
		return fmt.Errorf("%s: %w", v.Path, failed)
	case err != nil:
		return err
	}
	if n := stats[0].Unscorable; n > 0 {
		return fmt.Errorf(
			"%s: %d of its clips could not be scored: the reconstruction has values that are not finite numbers",
			v.Path, n)
	}
	if frames := stats[0].Frames; frames != uint64(len(v.Abnormal)) {
		return fmt.Errorf("%s: has %d frames, but %s has labels for %d", v.Path, frames, v.Truth, len(v.Abnormal))
	}
	if err := masks.finish(ctx, len(v.Abnormal)); err != nil {
		return fmt.Errorf("%s: %w", v.Path, err)
	}
	r.FPS = median.Interpolated(fps)
	s.Recordings = append(s.Recordings, r)
	if masks.maskCursor != nil {
		s.Pixels.Videos++
	}
	return nil
}

func (s *Scorer) addClip(ctx context.Context, v Video, masks videoMasks, c detect.Clip) error {
	frame := int(c.ScoredCentre.Frame)
	if frame >= len(v.Abnormal) {
		return fmt.Errorf("has a frame %d, but %s has labels for %d", frame, v.Truth, len(v.Abnormal))
	}
	var mask *Mask
	if masks.maskCursor != nil {
		var err error
		if mask, err = masks.frame(ctx, frame); err != nil {
			return err
		}
		if err := s.Pixels.add(c.Map, mask, v.Tracks[frame]); err != nil {
			return err
		}
	}
	s.Examples.observe(v, frame, c, mask)
	return nil
}

// videoMasks are a video's masks; maskCursor is nil if there are none.
type videoMasks struct{ *maskCursor }

func openMasks(ctx context.Context, v Video) (videoMasks, error) {
	if v.Masks == nil {
		return videoMasks{}, nil
	}
	reader, err := v.Masks(ctx)
	if err != nil {
		return videoMasks{}, fmt.Errorf("masks of %s: %w", v.Path, err)
	}
	return videoMasks{&maskCursor{reader: reader}}, nil
}

func (m videoMasks) close() {
	if m.maskCursor != nil {
		_ = m.reader.Close() // opened for reading only
	}
}

func (m videoMasks) finish(ctx context.Context, frames int) error {
	if m.maskCursor == nil {
		return nil
	}
	return m.maskCursor.finish(ctx, frames)
}

// Example is a frame for the report: an abnormal one with a low error, or a normal one with a high error.
type Example struct {
	Video, Path string
	Frame       int // the centre of the clip's scored frames
	Abnormal    bool
	Error       float64   // of the weights' score
	Heat        []float32 // the error map [side][side]
	Mask        *Mask     // nil without pixel labels
	clip        detect.Clip
	camera      string
}

// Examples keeps one frame of every run of equal labels: the one with the lowest error of abnormal frames, and with the
// highest error of normal ones, so that no two pictures show the same event.
type Examples struct {
	all  []Example
	last struct {
		path  string
		frame int
	}
}

func (s *Examples) observe(v Video, frame int, c detect.Clip, mask *Mask) {
	abnormal := v.Abnormal[frame]
	n := len(s.all)
	same := n > 0 && s.last.path == v.Path && s.all[n-1].Abnormal == abnormal &&
		!slices.Contains(v.Abnormal[s.last.frame:frame], !abnormal)
	s.last.path, s.last.frame = v.Path, frame
	if !same {
		s.all = append(s.all, Example{})
		n++
	} else if old := s.all[n-1].Error; abnormal && c.Error >= old || !abnormal && c.Error <= old {
		return
	}
	now := &s.all[n-1]
	*now = Example{
		Video: v.Name, Path: v.Path, Frame: frame, Abnormal: abnormal, Error: c.Error, Heat: slices.Clone(c.Map),
		camera: v.Camera, clip: c,
	}
	now.clip.Map, now.clip.Readings[0].Cells, now.clip.Readings[1].Cells = nil, nil, nil
	if mask != nil {
		now.Mask = &Mask{mask.Width, mask.Height, slices.Clone(mask.Abnormal)}
	}
}

// Worst returns at most n misses and n false alarms, the worst first. With thresholds, only abnormal frames below them
// are misses and only normal frames above them false alarms.
func (s *Examples) Worst(n int, thresholds Thresholds) (misses, alarms []Example) {
	for _, example := range s.all {
		strange := thresholds.value(example.camera)(example.clip) > atThreshold
		switch {
		case example.Abnormal && (!strange || thresholds == nil):
			misses = append(misses, example)
		case !example.Abnormal && (strange || thresholds == nil):
			alarms = append(alarms, example)
		}
	}
	value := func(a Example) float64 { return thresholds.value(a.camera)(a.clip) }
	slices.SortStableFunc(misses, func(a, b Example) int { return cmp.Compare(value(a), value(b)) })
	slices.SortStableFunc(alarms, func(a, b Example) int { return cmp.Compare(value(b), value(a)) })
	return misses[:min(n, len(misses))], alarms[:min(n, len(alarms))]
}

// Thresholds are the thresholds of raw errors for each camera of a data set; nil for none.
type Thresholds map[string]pipeline.Threshold

// atThreshold is the score of an error at the threshold.
const atThreshold = 0.5

// value maps a camera's clips to a scale on which lo is 0 and theta is atThreshold: 1 - regularity without clamping, so
// that clips of several cameras can be ranked together. Of two measures the one farther above its threshold counts.
// Without thresholds, it is the error.
func (t Thresholds) value(camera string) func(detect.Clip) float64 {
	th, ok := t[camera]
	if !ok {
		return func(c detect.Clip) float64 { return c.Error }
	}
	scales := th.Scales()
	return func(c detect.Clip) float64 {
		applyScales(&c, scales)
		return c.Excess / 2
	}
}

// applyScales is Clip.ApplyScales; external scores have one error of an unknown measure, for the first scale.
func applyScales(c *detect.Clip, scales []detect.Scale) {
	if c.Readings[0].Measure != "" {
		c.ApplyScales(scales)
		return
	}
	c.Excess, c.Regularity = scales[0].Excess(c.Error), detect.Regularity(c.Error, scales[0].Lo, scales[0].Theta)
}

var errMixedThresholds = errors.New(
	"some cameras have a threshold and some have none: their errors cannot be ranked together")

// checkCovers returns an error if only some of the recordings' cameras have thresholds.
func (t Thresholds) checkCovers(recordings []Recording) error {
	if t == nil {
		return nil
	}
	for _, r := range recordings {
		if _, ok := t[r.Camera]; !ok {
			return fmt.Errorf("%s is of camera %q: %w", r.Name, r.Camera, errMixedThresholds)
		}
	}
	return nil
}
