package eval

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"vigil/pipeline/detect"
)

// clipsAt are clips of 16 frames with the given starts and errors, at ten frames per second.
func clipsAt(starts []int, errors ...float64) []detect.Clip {
	out := make([]detect.Clip, len(starts))
	for i, s := range starts {
		at := func(frame int) detect.Moment {
			return detect.Moment{Frame: uint64(frame), PTS: time.Duration(frame) * 100 * time.Millisecond}
		}
		out[i] = detect.Clip{
			First: at(s), ScoredFrom: at(s), Centre: at(s + 8), ScoredCentre: at(s + 8), Last: at(s + 15),
			Error: errors[i], Readings: raw(errors[i]), FPS: 10,
		}
	}
	return out
}

func same(c detect.Clip) float64 { return c.Error }

func TestAlignments(t *testing.T) {
	r := Recording{Name: "01", Abnormal: make([]bool, 28)}
	r.Abnormal[9], r.Abnormal[10] = true, true
	r.Clips = clipsAt([]int{0, 1, 2, 8}, 1, 5, 3, 2)
	if got, want := Paper(r),
		(Series{"01", []float64{0, 1, 0.5, 0.25}, []bool{false, true, true, false}}); !reflect.DeepEqual(got, want) {
		t.Errorf("paper %v, want %v", got, want)
	}
	if got := Raw(r).Scores; !reflect.DeepEqual(got, []float64{1, 5, 3, 2}) {
		t.Errorf("raw %v", got)
	}
	clips := clipsAt([]int{0, 8}, 1, 2)
	live, noDelay := LiveCentred(r, clips, same), NoDelay(r, clips, same)
	for frame := range 28 {
		// Clips 0 and 8 score frames 8 and 16, and are available at frames 15 and 23.
		wantLive, wantPrompt := 1.0, math.Inf(-1)
		if frame >= 16 {
			wantLive = 2
		}
		if frame >= 15 {
			wantPrompt = 1
		}
		if frame >= 23 {
			wantPrompt = 2
		}
		if live.Scores[frame] != wantLive || noDelay.Scores[frame] != wantPrompt {
			t.Errorf("frame %d: live %v, want %v; no delay %v, want %v", frame, live.Scores[frame], wantLive,
				noDelay.Scores[frame], wantPrompt)
		}
	}
	if len(live.Abnormal) != 28 || len(noDelay.Abnormal) != 28 {
		t.Errorf("not every frame counts: %d and %d of 28", len(live.Abnormal), len(noDelay.Abnormal))
	}
	noDelay.Abnormal = append(make([]bool, 15), slices.Repeat([]bool{true}, 13)...)
	if w := afterFirstScore(noDelay); len(w.Scores) != 13 || w.Scores[0] != 1 || len(w.Abnormal) != 13 ||
		slices.Contains(w.Abnormal, false) {
		t.Errorf("without the first frames: %v", w)
	}
	flat := Recording{Abnormal: make([]bool, 20), Clips: clipsAt([]int{0, 1}, 3, 3)}
	if got := Paper(flat).Scores; !reflect.DeepEqual(got, []float64{0, 0}) {
		t.Errorf("a video of one error: %v", got)
	}
}

// TestAlignmentsUseTheRightClips expects a calibration's spatial weights to affect only the live protocol, and partial
// clips only the figures without delay.
func TestAlignmentsUseTheRightClips(t *testing.T) {
	r := Recording{Abnormal: make([]bool, 24), Clips: clipsAt([]int{0, 1}, 4, 6)}
	for i := range r.Clips {
		r.Clips[i].Error /= 2
	}
	if got := Raw(r).Scores; !reflect.DeepEqual(got, []float64{4, 6}) {
		t.Errorf("raw %v, want the model's own errors", got)
	}
	if got := LiveCentred(r, r.Clips, same).Scores; got[8] != 2 || got[9] != 3 {
		t.Errorf("live %v, want the weighted errors", got)
	}
	partial := detect.Clip{
		Pictures: 3, Error: 9, Readings: raw(9), Centre: detect.Moment{Frame: 2},
		Last: detect.Moment{Frame: 2},
	}
	r.Clips = append([]detect.Clip{partial}, r.Clips...)
	if len(Raw(r).Scores) != 2 || len(Paper(r).Scores) != 2 {
		t.Error("the paper counts a partial clip")
	}
	if live := LiveCentred(r, r.Clips, same).Scores; live[0] != 2 || live[7] != 2 {
		t.Errorf("live %v, want no partial clip in it", live)
	}
	if prompt := NoDelay(r, r.Clips, same).Scores; !math.IsInf(prompt[1], -1) || prompt[2] != 9 || prompt[14] != 9 ||
		prompt[15] != 2 {
		t.Errorf("no delay %v, want the partial clip from frame 2 on", prompt)
	}
}

// TestAlarmOfLastFrames expects an alarm to begin with the first scored frame of its first clip.
func TestAlarmOfLastFrames(t *testing.T) {
	clips := clipsAt([]int{0, 8, 16, 24}, 1, 5, 1, 1)
	for i := range clips {
		clips[i].ScoredFrom.Frame += 12
	}
	alarms := alarmsOf(clips, detect.Config{Enter: 0.5, Leave: 0.6}, []detect.Scale{{Lo: 1, Theta: 3}})
	if len(alarms) != 1 || alarms[0].First != 20 || alarms[0].Last != 23 {
		t.Errorf("alarms %+v, want one from frame 20 to 23", alarms)
	}
}

func TestEvents(t *testing.T) {
	cfg := detect.Config{Enter: 0.5, Leave: 0.6, CloseAfter: time.Second}
	r := Recording{Abnormal: make([]bool, 400), FPS: 10}
	for _, s := range []Span{{0, 19}, {100, 140}, {390, 399}} {
		for i := s.First; i <= s.Last; i++ {
			r.Abnormal[i] = true
		}
	}
	var starts []int
	var errs []float64
	for s := 0; s+16 <= 400; s += 8 {
		e := 1.0
		switch s {
		case 96, 104, 112: // on the second event
			e = 5
		case 240, 248: // on no event
			e = 4
		case 384: // the last clip: the video ends during the alarm
			e = 9
		}
		starts, errs = append(starts, s), append(errs, e)
	}
	alarms := alarmsOf(clipsAt(starts, errs...), cfg, []detect.Scale{{Lo: 1, Theta: 3}})
	want := []Alarm{
		{Span: Span{96, 127}, RaisedFrame: 111},
		{Span: Span{240, 263}, RaisedFrame: 255},
		{Span: Span{384, 399}, RaisedFrame: 399},
	}
	if !reflect.DeepEqual(alarms, want) {
		t.Fatalf("alarms %v, want %v", alarms, want)
	}
	var e Events
	e.add(r, alarms)
	e.finish()
	if e.Truth != 3 || e.Found != 2 || e.Missed != 1 || e.Alarms != 3 || e.False != 1 {
		t.Errorf("%+v", e)
	}
	// Raised at 111 for an event from 100 on, and at 399 for one from 390 on.
	if !near(e.DelayMean, 1) || !near(e.DelayMax, 1.1) || !near(e.DelayMedian, 0.9) && !near(e.DelayMedian, 1) {
		t.Errorf("delays mean %v, median %v, longest %v", e.DelayMean, e.DelayMedian, e.DelayMax)
	}
	if !near(e.FalsePerHour, 90) {
		t.Errorf("%v false alarms an hour in 40 s with one", e.FalsePerHour)
	}
}

func TestEvaluateKeepsProtocolsApart(t *testing.T) {
	var starts []int
	var errs []float64
	abnormal := make([]bool, 64)
	for s := range 49 {
		starts, errs = append(starts, s), append(errs, float64(s))
	}
	for i := 32; i < 64; i++ {
		abnormal[i] = true
	}
	// The second video has ten times the errors of the first, which the paper's scaling hides.
	large := make([]float64, len(errs))
	for i, e := range errs {
		large[i] = 10 * e
	}
	recordings := []Recording{
		{Name: "a", Abnormal: abnormal, Clips: clipsAt(starts, errs...), FPS: 10},
		{Name: "b", Abnormal: abnormal, Clips: clipsAt(starts, large...), FPS: 10},
		{Name: "c", Abnormal: make([]bool, 64), Clips: clipsAt(starts, errs...), FPS: 10},
	}
	r, err := Evaluate(recordings[:2], Options{Hop: 8, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !near(r.Paper.MicroAUC, 1) || near(r.Raw.MicroAUC, 1) || !near(r.Raw.MacroAUC, 1) {
		t.Errorf("paper %v, raw %v", r.Paper.MicroAUC, r.Raw.MicroAUC)
	}
	if r.Paper.Frames != 98 || r.Live.Frames != 128 || r.Live.NoDelay.Frames != 128 {
		t.Errorf("paper counts %d frames, live %d, no delay %d", r.Paper.Frames, r.Live.Frames, r.Live.NoDelay.Frames)
	}
	// The frames before the end of the first clip are all normal in a and b; without them, the AUC is lower.
	if w := r.Live.NoDelayWarmMicroAUC; !(w < r.Live.NoDelayMicroAUC) {
		t.Errorf("no delay %v, without the first frames %v", r.Live.NoDelayMicroAUC, w)
	}
	if r.Live.NoDelayMicroAUC != r.Live.NoDelay.MicroAUC || r.Live.AtThreshold != nil || r.Live.Events != nil {
		t.Errorf("live %+v", r.Live)
	}

	// A threshold above all of a's errors finds the end of b only.
	th := Thresholds{"": {Lo: 0, Theta: 200}}
	r, err = Evaluate(recordings, Options{Hop: 8, Thresholds: th, Detector: detect.DefaultConfig()})
	if err != nil {
		t.Fatal(err)
	}
	// b's clips at 24, 32, 40 and 48 are above it, and cover frames 32 to 63, all of them abnormal.
	if a := r.Live.AtThreshold; !near(a.TPR, 0.5) || !near(a.FPR, 0) || !near(a.NoDelayTPR, 25./64) {
		t.Errorf("at the threshold %+v", a)
	}
	// The detector gets exactly these clips: at 32, regularity was low for at least half a second.
	if got := r.Videos[1].Alarms; !reflect.DeepEqual(got, []Alarm{{Span: Span{24, 63}, RaisedFrame: 47}}) {
		t.Errorf("alarms %v, want one from the clip at 24 on", got)
	}
	if e := r.Live.Events; e.Truth != 2 || e.Found != 1 || e.Missed != 1 || e.False != 0 {
		t.Errorf("events %+v", e)
	}
	if len(r.Notes) != 1 ||
		r.Notes[0] != "all normal, so without an AUC of their own and left out of the macro AUC: c" {
		t.Errorf("notes %q", r.Notes)
	}
	if !math.IsNaN(float64(r.Videos[2].LiveAUC)) || r.Live.MacroVideos != 2 {
		t.Errorf("a video without abnormal frames: AUC %v, %d videos in the macro AUC", r.Videos[2].LiveAUC,
			r.Live.MacroVideos)
	}
	// A score at the threshold is not an alarm, as in the detector.
	if tpr, fpr := ratesAbove([]Series{{
		Scores:   []float64{0.5, 0.6, 0.5, 0.4},
		Abnormal: []bool{true, true, false, false},
	}}); tpr != 0.5 || fpr != 0 {
		t.Errorf("at the threshold itself %v and %v are above it", tpr, fpr)
	}
	recordings[1].Camera = "other"
	if _, err = Evaluate(recordings, Options{Hop: 8, Thresholds: th}); err == nil {
		t.Error("thresholds for one of two cameras were taken")
	}
}

// raw are the readings of a clip by one measure.
func raw(e float64) [2]detect.Reading { return [2]detect.Reading{{Error: e, Raw: e}} }
