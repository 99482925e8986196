package eval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/internal/cameratest"
	"vigil/pipeline"
	"vigil/pipeline/detect"
	"vigil/video"
)

// film is a recording of 16 x 16 grey pictures at ten frames per second, whose clock jumps at some frames.
type film struct {
	pictures [][]byte
	jumps    map[int]bool
	at       int
	pts      time.Duration
}

func (f *film) Info() video.Info {
	return video.Info{Width: 16, Height: 16, FPS: 10, Frames: len(f.pictures)}
}

func (f *film) Read(ctx context.Context, frame *video.Frame) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.at == len(f.pictures) {
		return io.EOF
	}
	if f.jumps[f.at] {
		f.pts += 5 * time.Second
	}
	*frame = video.Frame{
		Seq: uint64(f.at), PTS: f.pts, Generation: 1, Width: 16, Height: 16, Channels: 1,
		Pix: f.pictures[f.at],
	}
	f.pts += 100 * time.Millisecond
	f.at++
	return nil
}

func (*film) Close() error { return nil }

// asIs passes pictures on that already have the model's size.
type asIs struct{}

func (asIs) Prepare(f *video.Frame) (video.Picture, error) {
	return video.Picture{
			Seq: f.Seq, PTS: f.PTS, Generation: f.Generation, Width: 16, Height: 16, Side: 16,
			Gray: f.Pix,
		},
		nil
}

func (asIs) Close() error { return nil }

// blindCamera plays the film to a model that reconstructs every clip as mid-grey, so that its errors are different and
// known.
func blindCamera(t *testing.T, pictures [][]byte, jumps map[int]bool, hop int) pipeline.Camera {
	t.Helper()
	return blindTo(t, 0, pictures, jumps, hop)
}

// blindTo is blindCamera with the given number of scored frames at the clip's end; 0 for all.
func blindTo(t *testing.T, last int, pictures [][]byte, jumps map[int]bool, hop int) pipeline.Camera {
	t.Helper()
	return pipeline.Camera{
		Name: "film", Model: cameratest.ZeroModel(t, last), Lossless: true, Hop: hop,
		Open: func(context.Context, uint64, int) (pipeline.Stream, error) {
			return &film{pictures: pictures, jumps: jumps}, nil
		},
		NewPreparer: func() (pipeline.Preparer, error) { return asIs{}, nil },
	}
}

func noise(frames int) [][]byte {
	r := rand.New(rand.NewPCG(9, 9))
	out := make([][]byte, frames)
	for i := range out {
		out[i] = make([]byte, 256)
		level := r.IntN(256)
		for j := range out[i] {
			out[i][j] = byte(min(255, level+r.IntN(40)))
		}
	}
	return out
}

// TestSubsampleMatchesThePipeline expects Subsample to select from one pass at hop 1 the clips of a larger hop, also
// after gaps.
func TestSubsampleMatchesThePipeline(t *testing.T) {
	pictures, jumps := noise(100), map[int]bool{37: true, 45: true, 70: true}
	v := Video{Name: "film", Path: "film", Abnormal: make([]bool, 100)}
	var s Scorer
	partial := blindCamera(t, pictures, jumps, 1)
	partial.PartialClips = true
	if err := s.Score(t.Context(), v, partial); err != nil {
		t.Fatal(err)
	}
	all := s.Recordings[0].Clips
	// The run of 8 frames has only partial clips.
	if want := (37 - 15) + (70 - 45 - 15) + (100 - 70 - 15); len(FullClips(all)) != want || len(all) != want+3*14+7 {
		t.Fatalf("%d full clips of %d at hop 1, want %d of %d", len(FullClips(all)), len(all), want, want+3*14+7)
	}
	for _, hop := range []int{3, 8, 50} {
		var direct []detect.Clip
		cam := blindCamera(t, pictures, jumps, hop)
		cam.PartialClips = true
		if hop == 50 {
			// Without partial clips too.
			cam.PartialClips, all = false, FullClips(all)
			for i := 1; i < len(all); i++ {
				all[i].Gap = all[i].First.Frame != all[i-1].First.Frame+1
			}
		}
		_, err := pipeline.Run(t.Context(), []pipeline.Camera{cam}, pipeline.Options{
			OnClip: func(c detect.Clip) { direct = append(direct, c) },
		})
		if err != nil {
			t.Fatal(err)
		}
		plain := func(clips []detect.Clip) (out []detect.Clip) {
			for _, c := range clips {
				c.Map, c.Queue, c.Score, c.Regularity = nil, 0, 0, 0
				// After a gap, the first clip differs between hops.
				c.Gap = false
				out = append(out, c)
			}
			return out
		}
		if got, want := plain(Subsample(all, hop)), plain(direct); !reflect.DeepEqual(got, want) {
			t.Errorf("hop %d: %d clips, the pipeline gives %d", hop, len(got), len(want))
		}
	}
	if fps := s.Recordings[0].FPS; math.Abs(fps-10) > 1e-9 {
		t.Errorf("%v frames a second, want 10", fps)
	}
}

// listed reads masks from memory.
type listed struct {
	masks []Mask
	at    int
}

func (l *listed) Next(_ context.Context, m *Mask) error {
	if l.at == len(l.masks) {
		return io.EOF
	}
	*m = l.masks[l.at]
	l.at++
	return nil
}

func (*listed) Close() error { return nil }

func TestScoreRefusesWhatDoesNotFit(t *testing.T) {
	pictures := noise(40)
	masks := func(n int) func(context.Context) (MaskReader, error) {
		return func(context.Context) (MaskReader, error) {
			l := &listed{}
			for range n {
				l.masks = append(l.masks, Mask{16, 16, make([]bool, 256)})
			}
			return l, nil
		}
	}
	for want, v := range map[string]Video{
		"film: has 40 frames, but 01.csv has labels for 41": {Abnormal: make([]bool, 41)},
		// The last frames are the centre of no clip, so their number is checked at the end.
		"film: has 40 frames, but 01.csv has labels for 38":  {Abnormal: make([]bool, 38)},
		"film: has a frame 20, but 01.csv has labels for 20": {Abnormal: make([]bool, 20)},
		"film: the masks end after 30 frames, the video goes on to frame 30": {
			Abnormal: make([]bool, 40),
			Masks:    masks(30),
		},
		"film: there are 39 masks for 40 frames": {
			Abnormal: make([]bool, 40),
			Masks:    masks(39),
		},
		"film: there are 41 masks for 40 frames": {
			Abnormal: make([]bool, 40),
			Masks:    masks(41),
		},
		"masks of film: no such file": {
			Abnormal: make([]bool, 40),
			Masks:    func(context.Context) (MaskReader, error) { return nil, errors.New("no such file") },
		},
	} {
		v.Name, v.Path, v.Truth = "film", "film", "01.csv"
		var s Scorer
		err := s.Score(t.Context(), v, blindCamera(t, pictures, nil, 1))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var s Scorer
	if err := s.Score(ctx, Video{Abnormal: make([]bool, 40)}, blindCamera(t, pictures, nil, 1)); !errors.Is(err,
		context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestMasksOfLastFrames expects the map of a score of the last four frames to be compared with the mask of start + 14,
// while the score still belongs to start + 8. Partial clips count in neither.
func TestMasksOfLastFrames(t *testing.T) {
	v := Video{
		Name: "film", Path: "film", Abnormal: make([]bool, 40),
		Masks: func(context.Context) (MaskReader, error) {
			l := &listed{}
			for i := range 40 {
				m := Mask{16, 16, make([]bool, 256)}
				// The first full clip shows frame 14 and the last one frame 38.
				m.Abnormal[100] = i <= 14 || i >= 38
				l.masks = append(l.masks, m)
			}
			return l, nil
		},
	}
	v.Abnormal[32], v.Abnormal[38] = true, true
	var s Scorer
	cam := blindTo(t, 4, noise(40), nil, 1)
	cam.PartialClips = true
	if err := s.Score(t.Context(), v, cam); err != nil {
		t.Fatal(err)
	}
	if p := s.Pixels; p.Frames != 25 || p.Regions != 2 || p.Videos != 1 {
		t.Errorf("%d regions in %d frames of %d videos, want 2 in 25 of 1", p.Regions, p.Frames, p.Videos)
	}
	// The pictures of misses are abnormal: frames 32 and 38, the second with its mask.
	misses, _ := s.Examples.Worst(5, nil)
	if len(misses) != 2 {
		t.Fatalf("misses %v", misses)
	}
	for _, m := range misses {
		if m.Frame != 32 && m.Frame != 38 || m.Mask.any() != (m.Frame == 38) {
			t.Errorf("frame %d is shown as a miss, abnormal pixels in its mask: %v", m.Frame, m.Mask.any())
		}
	}
	raw := Raw(s.Recordings[0])
	if len(raw.Abnormal) != 25 || !raw.Abnormal[24] || slices.Contains(raw.Abnormal[:24], true) {
		t.Errorf("the paper's labels %v, want frames 8 to 32", raw.Abnormal)
	}
}

func TestExamples(t *testing.T) {
	var s Examples
	v := Video{Name: "01", Path: "p", Abnormal: []bool{false, false, true, true, true, false, false}}
	for i, e := range []float64{1, 3, 5, 2, 4, 9, 1} {
		s.observe(v, i, detect.Clip{Error: e, Map: []float32{1}}, nil)
	}
	misses, alarms := s.Worst(5, nil)
	if len(misses) != 1 || misses[0].Frame != 3 || len(alarms) != 2 || alarms[0].Frame != 5 || alarms[1].Frame != 1 {
		t.Errorf("misses %v, alarms %v", misses, alarms)
	}
	// With a threshold of 4 frame 3 is missed and only frame 5 is a false alarm.
	misses, alarms = s.Worst(5, Thresholds{"": {Lo: 0, Theta: 4}})
	if len(misses) != 1 || len(alarms) != 1 || alarms[0].Frame != 5 {
		t.Errorf("misses %v, alarms %v", misses, alarms)
	}
	// The worst come first.
	v = Video{Name: "02", Path: "q", Abnormal: []bool{false, true, false, true, false, true}}
	for i, e := range []float64{2.5, 1.5, 9.5, 0.5, 4, 1} {
		s.observe(v, i, detect.Clip{Error: e, Map: []float32{1}}, nil)
	}
	at := func(examples []Example) (out []string) {
		for _, s := range examples {
			out = append(out, fmt.Sprint(s.Video, s.Frame))
		}
		return out
	}
	misses, alarms = s.Worst(3, nil)
	if m, a := at(misses), at(alarms); !reflect.DeepEqual(m, []string{"023", "025", "021"}) ||
		!reflect.DeepEqual(a, []string{"022", "015", "024"}) {
		t.Errorf("misses %v, alarms %v", m, a)
	}
	if misses, _ = s.Worst(5, Thresholds{"": {Lo: 0, Theta: 0.1}}); len(misses) != 0 {
		t.Errorf("misses %v below every error", misses)
	}
}
