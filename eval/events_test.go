package eval

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"vigil/pipeline"
	"vigil/pipeline/detect"
)

// labelled is a video of 400 frames at a frame rate, abnormal in the spans.
func labelled(fps float64, spans ...Span) Recording {
	r := Recording{Name: "01", Abnormal: make([]bool, 400), FPS: fps}
	for _, s := range spans {
		for i := s.First; i <= s.Last; i++ {
			r.Abnormal[i] = true
		}
	}
	return r
}

// TestAlarmsBelongToEvents has alarms at ten frames per second, but for the last cases, each with its first and last
// frame and the one at which it was raised.
func TestAlarmsBelongToEvents(t *testing.T) {
	one, next := Span{100, 140}, Span{200, 240}
	for name, c := range map[string]struct {
		fps     float64 // 0 for 10
		truth   []Span
		alarms  []Alarm
		found   int
		earlier int
		wrong   int
		delays  []float64
	}{
		"none": {truth: []Span{one}},
		"at the onset": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{100, 130}, RaisedFrame: 109}}, found: 1,
			delays: []float64{0.9},
		},
		"the event's last frame": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{140, 200}, RaisedFrame: 149}}, found: 1,
			delays: []float64{4.9},
		},
		"a frame after the event": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{141, 200}, RaisedFrame: 150}},
			wrong: 1,
		},
		"ends a frame before the onset": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{90, 99}, RaisedFrame: 95}},
			wrong: 1,
		},
		"ends at the onset": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{90, 100}, RaisedFrame: 95}}, found: 1,
			delays: []float64{0},
		},
		"4.4 s before and over": {truth: []Span{one}, alarms: []Alarm{{Span: Span{56, 99}, RaisedFrame: 65}}, wrong: 1},
		"4.4 s before and on in the event": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{56, 140}, RaisedFrame: 65}}, found: 1,
			earlier: 1, wrong: 1,
		},
		"4.4 s before, raised in the event": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{56, 140}, RaisedFrame: 105}}, found: 1,
			earlier: 1, wrong: 1,
		},
		"1.9 s before": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{81, 120}, RaisedFrame: 90}}, found: 1,
			delays: []float64{0},
		},
		"1.9 s before, ends .5 s after": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{81, 105}, RaisedFrame: 90}}, found: 1,
			delays: []float64{0},
		},
		"1.9 s before, raised after": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{81, 120}, RaisedFrame: 104}}, found: 1,
			delays: []float64{0.4},
		},
		"2 s before": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{80, 120}, RaisedFrame: 90}}, found: 1,
			delays: []float64{0},
		},
		"2.1 s before and still on": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{79, 120}, RaisedFrame: 90}}, found: 1,
			earlier: 1, wrong: 1,
		},
		"2.1 s before, on for 1 s": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{79, 110}, RaisedFrame: 90}}, found: 1,
			earlier: 1, wrong: 1,
		},
		"2.1 s before, on for .9 s": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{79, 109}, RaisedFrame: 90}},
			wrong: 1,
		},
		"2.1 s before, on for .5 s": {
			truth: []Span{one}, alarms: []Alarm{{Span: Span{79, 105}, RaisedFrame: 90}},
			wrong: 1,
		},
		"an earlier one and then its own": {
			truth:  []Span{one},
			alarms: []Alarm{{Span: Span{50, 115}, RaisedFrame: 60}, {Span: Span{125, 150}, RaisedFrame: 134}}, found: 1,
			wrong: 1, delays: []float64{3.4},
		},
		"two of its own": {
			truth:  []Span{one},
			alarms: []Alarm{{Span: Span{100, 110}, RaisedFrame: 109}, {Span: Span{120, 150}, RaisedFrame: 129}},
			found:  1, delays: []float64{0.9},
		},
		"shorter than a second, earlier one": {
			truth: []Span{{100, 104}}, alarms: []Alarm{{Span: Span{50, 104}, RaisedFrame: 60}},
			wrong: 1,
		},
		"no onset in the video": {
			truth: []Span{{0, 50}}, alarms: []Alarm{{Span: Span{0, 20}, RaisedFrame: 15}}, found: 1,
			delays: []float64{1.5},
		},
		"two events, an alarm each": {
			truth:  []Span{one, next},
			alarms: []Alarm{{Span: Span{105, 140}, RaisedFrame: 114}, {Span: Span{195, 230}, RaisedFrame: 204}},
			found:  2, delays: []float64{1.4, 0.4},
		},
		"two events, one alarm": {
			truth: []Span{one, next}, alarms: []Alarm{{Span: Span{105, 230}, RaisedFrame: 114}},
			found: 2, earlier: 1, delays: []float64{1.4},
		},
		"two events, ends .5 s into the 2nd": {
			truth: []Span{one, next}, alarms: []Alarm{{Span: Span{105, 205}, RaisedFrame: 114}},
			found: 1, delays: []float64{1.4},
		},
		"two events 1.5 s apart, one alarm": {
			truth: []Span{one, {156, 190}}, alarms: []Alarm{{Span: Span{138, 180}, RaisedFrame: 147}},
			found: 2, delays: []float64{4.7, 0},
		},
		"from before both to after both": {
			truth: []Span{one, next}, alarms: []Alarm{{Span: Span{50, 300}, RaisedFrame: 60}}, found: 2,
			earlier: 2, wrong: 1,
		},
		"1.9 s before at 25 a second": {
			fps: 25, truth: []Span{one}, alarms: []Alarm{{Span: Span{53, 140}, RaisedFrame: 90}},
			found: 1, delays: []float64{0},
		},
		"2.1 s before at 25 a second": {
			fps: 25, truth: []Span{one}, alarms: []Alarm{{Span: Span{47, 140}, RaisedFrame: 90}},
			found: 1, earlier: 1, wrong: 1,
		},
		"not on for 1 s at 25 a second": {
			fps: 25, truth: []Span{one}, alarms: []Alarm{{Span: Span{47, 124}, RaisedFrame: 90}},
			wrong: 1,
		},
		"10 s before at an unknown rate": {
			fps: math.NaN(), truth: []Span{one}, alarms: []Alarm{{Span: Span{0, 100}, RaisedFrame: 90}},
			found: 1, delays: []float64{math.NaN()},
		},
		"beside at an unknown rate": {
			fps: math.NaN(), truth: []Span{one}, alarms: []Alarm{{Span: Span{0, 99}, RaisedFrame: 90}},
			wrong: 1,
		},
	} {
		if c.fps == 0 {
			c.fps = 10
		}
		var e Events
		e.add(labelled(c.fps, c.truth...), c.alarms)
		e.finish()
		if e.Truth != len(c.truth) || e.Found != c.found || e.Missed != len(c.truth)-c.found ||
			e.FoundByEarlier != c.earlier || e.Alarms != len(c.alarms) || e.False != c.wrong {
			t.Errorf("%s: %+v; want %d found, %d of them by an earlier alarm, and %d false alarms", name, e, c.found,
				c.earlier, c.wrong)
		}
		if len(e.delays) != len(c.delays) {
			t.Errorf("%s: delays %v, want %v", name, e.delays, c.delays)
			continue
		}
		for i, want := range c.delays {
			if got := e.delays[i]; !near(Number(got), want) && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Errorf("%s: delays %v, want %v", name, e.delays, c.delays)
			}
		}
	}
}

// peaks is a video of 40 s at ten frames per second with clips at hop 2, whose error is 1 but for an event's share.
func peaks(name string, truth []Span, errs map[Span]float64) scoredVideo {
	v := scoredVideo{Recording: labelled(10, truth...), threshold: pipeline.Threshold{Lo: 1, Theta: 2}}
	v.Name = name
	var starts []int
	var values []float64
	for s := 0; s+16 <= len(v.Abnormal); s += 2 {
		e := 1.0
		for span, high := range errs {
			if s >= span.First && s <= span.Last {
				e = high
			}
		}
		starts, values = append(starts, s), append(values, e)
	}
	v.clips = clipsAt(starts, values...)
	return v
}

func TestCostOfRecall(t *testing.T) {
	cfg := detect.DefaultConfig()
	cfg.CloseAfter, cfg.CoolDown = time.Second, 0
	truth := []Span{{50, 80}, {150, 180}, {250, 280}, {350, 380}}
	// Errors of 9, 7, 5 and 3 on the events and, beside them, one of 6 and one of 2.
	v := peaks("01", truth, map[Span]float64{
		{50, 70}: 9, {150, 170}: 7, {250, 270}: 5, {350, 370}: 3, {100, 110}: 6, {200, 210}: 2,
	})
	got := costOfRecall([]scoredVideo{v}, cfg)
	// Two events lie above 6, three above 5 and all above 3: that is once .8, .9 and 1 of the four. In 40 s, a false
	// alarm is 2160 a day.
	for i, want := range []struct {
		recall, low, high, perDay float64
	}{{0.5, 6, 7, 0}, {0.8, 2, 3, 2160}, {0.9, 2, 3, 2160}, {1, 2, 3, 2160}} {
		a := got[i]
		theta := float64(a.Theta)
		if a.Recall != want.recall || !(theta > want.low && theta < want.high) || !near(a.FalsePerDay, want.perDay) ||
			!near(a.Scale, theta-1) || !near(a.DelayMedian, 2.1) {
			t.Errorf("%+v, want a threshold from %g to %g with %g false alarms a day", a, want.low, want.high,
				want.perDay)
		}
	}
	// An alarm that begins 3 s before its event and goes on finds it, and is false.
	early := peaks("01", truth[:1], map[Span]float64{{20, 70}: 5})
	if got := costOfRecall([]scoredVideo{early}, cfg); !near(got[3].FalsePerDay, 2160) || got[3].DelayMedian.defined() {
		t.Errorf("an alarm 3 s before its event: %+v, want it found, false and without a delay", got[3])
	}
	// An event without a higher error than the rest is found at no threshold.
	v = peaks("01", truth[:2], map[Span]float64{{50, 70}: 9})
	got = costOfRecall([]scoredVideo{v}, cfg)
	if !near(got[0].FalsePerDay, 0) || got[1].FalsePerDay.defined() || got[3].Theta.defined() ||
		got[3].Scale.defined() || got[3].DelayMedian.defined() {
		t.Errorf("one of two events can be found: %+v", got)
	}
	// Each camera keeps its own lo and theta; there is no one threshold.
	a, b := peaks("a", truth[:1], map[Span]float64{{50, 70}: 9}), peaks("b", truth[:1], map[Span]float64{{50, 70}: 9})
	b.Camera, b.threshold = "b", pipeline.Threshold{Lo: -1, Theta: 0}
	got = costOfRecall([]scoredVideo{a, b}, cfg)
	if s := float64(got[0].Scale); !(s > 8 && s < 10) || got[0].Theta.defined() || !near(got[3].FalsePerDay, 0) {
		t.Errorf("two cameras: %+v", got)
	}
	for name, none := range map[string][]scoredVideo{
		"no video": nil, "no event": {peaks("01", nil, map[Span]float64{{50, 70}: 9})},
	} {
		got := costOfRecall(none, cfg)
		if len(got) != len(recalls) || got[0].FalsePerDay.defined() {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestCostOfRecallInBlocks expects the same figures if there are too many thresholds to try each.
func TestCostOfRecallInBlocks(t *testing.T) {
	v := peaks("01", []Span{{50, 80}, {150, 180}}, nil)
	for len(v.clips) < 3*maxScales {
		v.clips = append(v.clips, v.clips...)
	}
	starts, errs := make([]int, len(v.clips)), make([]float64, len(v.clips))
	v.Abnormal = make([]bool, 2*len(v.clips)+16)
	for i := range starts {
		starts[i], errs[i] = 2*i, 1+float64((i*7919)%len(starts))/float64(len(starts)) // all different, from 1 to 2
	}
	for i := 3000; i < 3040; i++ {
		v.Abnormal[i] = true
		errs[i/2] = 2.5 + float64(i/2)/1e5
	}
	v.clips = clipsAt(starts, errs...)
	cfg := detect.DefaultConfig()
	want := 0.0
	for _, s := range distinctScales([]scoredVideo{v}, cfg) {
		if e := eventsAt([]scoredVideo{v}, cfg, s); e.Found == 1 {
			want = s
			break
		}
	}
	got := costOfRecall([]scoredVideo{v}, cfg)
	if n := len(distinctScales([]scoredVideo{v}, cfg)); n <= 2*maxScales || want == 0 || !near(got[3].Scale, want) {
		t.Errorf("scale %v of %d, want %v", got[3].Scale, n, want)
	}
}

// TestUnknownRateIsNoted expects events without times, and a note that says for which videos.
func TestUnknownRateIsNoted(t *testing.T) {
	v := peaks("01", []Span{{50, 80}}, map[Span]float64{{50, 70}: 9})
	known := v.Recording
	known.Clips, v.Clips, v.FPS, v.Name = v.clips, v.clips, math.NaN(), "02"
	o := Options{Hop: 2, Thresholds: Thresholds{"": v.threshold}, Detector: detect.DefaultConfig()}
	// The clips are at hop 2 already.
	o.Hop = 1
	r, err := Evaluate([]Recording{known}, o)
	if err != nil {
		t.Fatal(err)
	}
	if e := r.Live.Events; e.Found != 1 || !e.FalsePerHour.defined() || len(r.Notes) != 0 || len(e.AtRecall) != 4 {
		t.Errorf("%+v, notes %q", e, r.Notes)
	}
	var out strings.Builder
	if err := r.Print(&out); err != nil || !strings.Contains(out.String(), "0 of 1 alarms false, 0 an hour") ||
		!strings.Contains(out.String(), "\n100 %         0                   ") {
		t.Errorf("printed, %v:\n%s", err, &out)
	}
	if r, err = Evaluate([]Recording{known, v.Recording}, o); err != nil {
		t.Fatal(err)
	}
	want := []string{"the frame rate is not known, so an alarm that begins long before an event counts as one of the " +
		"event, and there are no delays and no alarms an hour: 02"}
	if e := r.Live.Events; e.Found != 2 || e.FalsePerHour.defined() || !reflect.DeepEqual(r.Notes, want) {
		t.Errorf("%+v, notes %q", e, r.Notes)
	}
}
