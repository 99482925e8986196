package eval

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"vigil/pipeline/detect"
)

// rising is a video of 25 frames, abnormal from frame 13 on, with rising scores for the given frames. The paper counts
// frames 8 to 17.
func rising(name string, frames ...int) Recording {
	r := Recording{Name: name, Abnormal: make([]bool, 25), FPS: 10}
	for i := 13; i < 25; i++ {
		r.Abnormal[i] = true
	}
	for _, f := range frames {
		at := detect.Moment{Frame: uint64(f)}
		r.Clips = append(r.Clips, detect.Clip{Centre: at, Last: at, Error: float64(f), Readings: raw(float64(f))})
	}
	return r
}

// upTo lists the integers of a range, both ends included.
func upTo(first, last int) (all []int) {
	for i := first; i <= last; i++ {
		all = append(all, i)
	}
	return all
}

// TestExternalScoresAreUnchanged expects external scores to be used unchanged, and figures that they cannot give to be
// missing.
func TestExternalScoresAreUnchanged(t *testing.T) {
	// If hop 2 were applied, every second score would be dropped, and frames 14 to 24 would have the score of frame 12.
	coarse := rising("01", 8, 10, 12, 14)
	r, err := Evaluate([]Recording{coarse}, Options{External: true, DelayUnknown: true, Step: 2, Hop: 2})
	if err != nil {
		t.Fatal(err)
	}
	if r.Paper != nil || r.Raw != nil || !math.IsNaN(float64(r.Videos[0].RawAUC)) {
		t.Errorf("paper %v and raw %v of scores for every second frame", r.Paper, r.Raw)
	}
	// Frame 13 has the score of frame 12, and frames 14 to 24 that of frame 14.
	if want := 1 - 0.5/(12*13); !near(r.Live.MicroAUC, want) {
		t.Errorf("live AUC %v, want %v", r.Live.MicroAUC, want)
	}
	if r.Live.NoDelay != nil || !math.IsNaN(float64(r.Live.NoDelayMicroAUC)) ||
		!math.IsNaN(float64(r.Live.NoDelayWarmMicroAUC)) || !math.IsNaN(float64(r.Videos[0].NoDelay)) {
		t.Errorf("no delay %v of scores that came nobody knows when", r.Live.NoDelayMicroAUC)
	}
	for i, want := range []string{"the scores are 2 frames apart", "it is not known how many frames later"} {
		if len(r.Notes) != 2 || !strings.HasPrefix(r.Notes[i], want) {
			t.Errorf("notes %q, want %q", r.Notes, want)
		}
	}
	th := Thresholds{"": {Lo: 0, Theta: 13}}
	if r, err = Evaluate([]Recording{coarse}, Options{
		External: true, DelayUnknown: true, Step: 2,
		Thresholds: th,
	}); err != nil {
		t.Fatal(err)
	}
	if a := r.Live.AtThreshold; !near(a.TPR, 11./12) || !near(a.FPR, 0) || !math.IsNaN(float64(a.NoDelayTPR)) ||
		r.Live.Events != nil {
		t.Errorf("at the threshold %+v, events %+v", a, r.Live.Events)
	}
	// The paper counts neither the first 8 nor the last 7 frames, even if they have scores.
	for _, frames := range [][]int{upTo(8, 17), upTo(0, 24)} {
		if r, err = Evaluate([]Recording{rising("01", frames...)},
			Options{External: true, Step: 1, Hop: 1}); err != nil {
			t.Fatal(err)
		}
		if r.Paper == nil || r.Paper.Frames != 10 || r.Raw.Frames != 10 || r.Live.NoDelay == nil || len(r.Notes) != 0 {
			t.Errorf("scores of frames %v: paper %+v, no delay %+v, notes %q", frames, r.Paper, r.Live.NoDelay, r.Notes)
		}
	}
	if r, err = Evaluate([]Recording{rising("01", upTo(18, 24)...)},
		Options{External: true, Step: 1, Hop: 1}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"no score is of a frame that the paper counts, which leaves out the first 8 and the last 7 of a video: only " +
			"the live protocol is measured",
	}
	if r.Paper != nil || r.Raw != nil || !reflect.DeepEqual(r.Notes, want) {
		t.Errorf("paper %v, notes %q, want %q", r.Paper, r.Notes, want)
	}
}

// TestNotes expects a note for everything that a figure leaves out.
func TestNotes(t *testing.T) {
	all := rising("all", 10, 11)
	for i := range all.Abnormal {
		all.Abnormal[i] = true
	}
	// Within the frames that the paper counts, the second is all normal.
	recordings := []Recording{rising("01", 11, 12, 13, 14), rising("02", 10, 11), all}
	recordings[1].Camera = "b"
	r, err := Evaluate(recordings,
		Options{Hop: 1, Thresholds: Thresholds{"b": {Lo: 9, Theta: 10}, "": {Lo: 11, Theta: 12}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"all abnormal, so without an AUC of their own and left out of the macro AUC: all",
		"of one kind within the frames that the paper counts, so left out of its macro AUC: 02",
	}
	if !reflect.DeepEqual(r.Notes, want) || r.Paper.MacroVideos != 1 {
		t.Errorf("notes %q, %d videos in the paper's macro AUC", r.Notes, r.Paper.MacroVideos)
	}
	if got, want := r.Live.AtThreshold.Cameras, []CameraThreshold{{"", 11, 12}, {"b", 9, 10}}; !reflect.DeepEqual(got,
		want) {
		t.Errorf("thresholds %v, want %v", got, want)
	}
	// By one camera's threshold frames 13 to 24 of 01 are above it, by the other's frames 11 to 24 of 02.
	if a := r.Live.AtThreshold; !near(a.TPR, 24./49) || !near(a.FPR, 2./26) {
		t.Errorf("at the thresholds %+v", a)
	}
	const none = "nothing is abnormal in the masks of the frames that count, so no RBDC or TBDC"
	for _, c := range []struct {
		masks, videos, tracks, files int
		want                         []string
	}{
		{0, 2, 0, 0, []string{"no pixel truth, so no pixel AUC, RBDC or TBDC"}},
		{1, 2, 0, 0, []string{"only 1 of 2 videos have pixel truth: pixel figures are of these", none}},
		{2, 2, 0, 0, []string{none}},
		{2, 2, 3, 0, []string{
			"TBDC by tracks made of the masks: regions of consecutive frames that share a pixel are one track",
		}},
		{
			2, 2, 3, 1,
			[]string{"TBDC by the track files of 1 of 2 videos, and by tracks made of the masks of the others"},
		},
		{2, 2, 3, 2, []string{"TBDC by the track files"}},
	} {
		var r Result
		p := Pixels{Videos: c.masks, trackFiles: c.files, Frames: 1}
		if c.tracks > 0 {
			p.startVideo(false)
			p.trackFiles = c.files
			if err := p.add(make([]float32, 256), picture("#.#.#"), nil); err != nil {
				t.Fatal(err)
			}
		}
		r.AddPixels(&p, c.videos)
		if !reflect.DeepEqual(r.Notes, c.want) || (r.Pixels != nil) != (c.masks > 0) || p.Tracks != c.tracks {
			t.Errorf("%d of %d videos have masks: notes %q, pixels %+v", c.masks, c.videos, r.Notes, r.Pixels)
		}
	}
}
