package eval

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// one is a single video.
func one(scores []float64, abnormal ...int) Series {
	s := Series{Video: "01", Scores: scores, Abnormal: make([]bool, len(scores))}
	for _, i := range abnormal {
		s.Abnormal[i] = true
	}
	return s
}

func near(a Number, b float64) bool { return math.Abs(float64(a)-b) < 1e-9 }

func TestMeasureByHand(t *testing.T) {
	for name, c := range map[string]struct {
		videos            []Series
		micro, macro, eer float64
		ap                float64
		macroVideos       int
	}{
		// The example of scikit-learn's roc_auc_score and average_precision_score: .75 and .8333.
		"the usual example": {[]Series{one([]float64{0.1, 0.4, 0.35, 0.8}, 2, 3)}, 0.75, 0.75, 0.5, 0.5 + 0.5*2/3, 1},
		"perfect":           {[]Series{one([]float64{1, 2, 3, 4}, 2, 3)}, 1, 1, 0, 1, 1},
		"wrong way round":   {[]Series{one([]float64{4, 3, 2, 1}, 2, 3)}, 0, 0, 1, 0.5*1/3 + 0.5*2/4, 1},
		"all the same":      {[]Series{one([]float64{7, 7, 7, 7}, 0)}, 0.5, 0.5, 0.5, 0.25, 1},
		"a tie between":     {[]Series{one([]float64{1, 2, 2, 3}, 1, 3)}, 0.875, 0.875, 0.25, 0.5 + 0.5*2/3, 1},
		"no score yet": {
			[]Series{one([]float64{math.Inf(-1), math.Inf(-1), 1, 2}, 1, 3)},
			0.625, 0.625, 0.5,
			0.5 + 0.5*2/4, 1,
		},
		// Each video alone is perfect; together the second one's normal frame outranks the first one's abnormal one.
		"videos of their own scale": {
			[]Series{one([]float64{1, 2}, 1), one([]float64{3, 4}, 1)},
			0.75, 1, 0.5,
			0.5 + 0.5*2/3, 2,
		},
		"one video all abnormal": {
			[]Series{one([]float64{1, 2}, 1), one([]float64{0, 3}, 0, 1)},
			2. / 3, 1, 1. / 3,
			1./3 + 1./3 + 1./3*3/4, 1,
		},
	} {
		m, err := Measure(c.videos, 0, 1)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !near(m.MicroAUC, c.micro) || !near(m.MacroAUC, c.macro) || !near(m.EER, c.eer) || !near(m.AP, c.ap) ||
			m.MacroVideos != c.macroVideos {
			t.Errorf("%s: micro %v, macro %v of %d, EER %v, AP %v; want %v, %v of %d, %v, %v", name,
				float64(m.MicroAUC), float64(m.MacroAUC),
				m.MacroVideos, float64(m.EER), float64(m.AP), c.micro, c.macro, c.macroVideos, c.eer, c.ap)
		}
	}
}

// TestUndefinedFigures expects undefined figures to be null in JSON, which has neither NaN nor infinity.
func TestUndefinedFigures(t *testing.T) {
	for want, n := range map[string]Number{
		"null": nan, "null ": Number(math.Inf(1)), "null  ": Number(math.Inf(-1)),
		"0.5": 0.5, "0": 0,
	} {
		text, err := json.Marshal(struct{ N Number }{n})
		if want = strings.TrimSpace(want); err != nil || string(text) != `{"N":`+want+`}` {
			t.Errorf("%v is %s, %v", float64(n), text, err)
		}
		if (n.String() == "-") != (want == "null") {
			t.Errorf("%v is shown as %s", float64(n), n)
		}
	}
	var e Events
	video := Recording{Abnormal: make([]bool, 100), FPS: 0}
	video.Abnormal[50] = true
	e.add(video, []Alarm{{Span: Span{50, 60}, RaisedFrame: 70}, {Span: Span{10, 20}, RaisedFrame: 20}})
	e.finish()
	text, err := json.Marshal(e)
	if err != nil ||
		!strings.Contains(string(text),
			`"found":1,"missed":0,"alarms":2,"false":1,"delay_median_seconds":null,"delay_mean_seconds":null,"delay_max_seconds":null,"false_per_hour":null`) {
		t.Errorf("without a frame rate: %s, %v", text, err)
	}
}

func TestMeasureRefuses(t *testing.T) {
	for want, s := range map[string]Series{
		"all 3 frames are labelled normal":   one([]float64{1, 2, 3}),
		"all 2 frames are labelled abnormal": one([]float64{1, 2}, 0, 1),
		"01: score 1 of 2 is not a number":   one([]float64{1, math.NaN()}, 1),
		"01: 2 scores for 1 labels":          {Video: "01", Scores: []float64{1, 2}, Abnormal: []bool{true}},
	} {
		if _, err := Measure([]Series{s}, 10, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// pairs is the AUC by definition: every abnormal frame against every normal one.
func pairs(videos []Series) float64 {
	var wins, n float64
	for _, a := range videos {
		for i, x := range a.Scores {
			if !a.Abnormal[i] {
				continue
			}
			for _, b := range videos {
				for j, y := range b.Scores {
					if b.Abnormal[j] {
						continue
					}
					n++
					if x > y {
						wins++
					} else if x == y {
						wins += 0.5
					}
				}
			}
		}
	}
	return wins / n
}

// counts returns the hits and the false alarms at each threshold, from high to low.
func counts(videos []Series) (hits, falses []float64, p, n float64) {
	var levels []float64
	for _, s := range videos {
		levels = append(levels, s.Scores...)
		for _, on := range s.Abnormal {
			if on {
				p++
			} else {
				n++
			}
		}
	}
	slices.Sort(levels)
	levels = slices.Compact(levels)
	slices.Reverse(levels)
	for _, level := range levels {
		var hit, wrong float64
		for _, s := range videos {
			for i, score := range s.Scores {
				if score >= level && s.Abnormal[i] {
					hit++
				} else if score >= level {
					wrong++
				}
			}
		}
		hits, falses = append(hits, hit), append(falses, wrong)
	}
	return hits, falses, p, n
}

// equalErrors finds the crossing on the lines between the thresholds by bisection.
func equalErrors(hits, falses []float64, p, n float64) float64 {
	x0, y0 := 0.0, 1.0
	for i := range hits {
		x1, y1 := falses[i]/n, 1-hits[i]/p
		if x1 >= y1 {
			low, high := 0.0, 1.0
			for range 200 {
				mid := (low + high) / 2
				if x0+mid*(x1-x0) < y0+mid*(y1-y0) {
					low = mid
				} else {
					high = mid
				}
			}
			return x0 + high*(x1-x0)
		}
		x0, y0 = x1, y1
	}
	return math.NaN()
}

func randomVideos(r *rand.Rand, levels int) []Series {
	videos := make([]Series, 1+r.IntN(5))
	for v := range videos {
		for range 2 + r.IntN(30) {
			videos[v].Scores = append(videos[v].Scores, float64(r.IntN(levels)))
			videos[v].Abnormal = append(videos[v].Abnormal, r.IntN(3) == 0)
		}
	}
	// Both labels occur.
	videos[0].Abnormal[0], videos[0].Abnormal[1] = true, false
	return videos
}

func TestMeasureAgreesWithTheDefinitions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		videos := randomVideos(r, []int{2, 5, 1000000}[round%3])
		m, err := Measure(videos, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		hits, falses, p, n := counts(videos)
		ap, before := 0.0, 0.0
		for i := range hits {
			ap += (hits[i] - before) / p * hits[i] / (hits[i] + falses[i])
			before = hits[i]
		}
		if want := pairs(videos); !near(m.MicroAUC, want) {
			t.Fatalf("AUC %v, want %v", m.MicroAUC, want)
		}
		if !near(m.AP, ap) {
			t.Fatalf("AP %v, want %v", m.AP, ap)
		}
		if want := equalErrors(hits, falses, p, n); !near(m.EER, want) {
			t.Fatalf("EER %v, want %v", float64(m.EER), want)
		}
		// The area under the plotted curve is the AUC.
		area := 0.0
		for i := 1; i < len(m.ROC); i++ {
			a, b := m.ROC[i-1], m.ROC[i]
			area += (b.FalsePositive - a.FalsePositive) * (a.TruePositive + b.TruePositive) / 2
		}
		if !near(m.MicroAUC, area) {
			t.Fatalf("area %v under the ROC, AUC %v", area, m.MicroAUC)
		}
	}
}

func TestMeasureProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	change := func(videos []Series, f func(float64) float64) []Series {
		out := slices.Clone(videos)
		for i := range out {
			out[i].Scores = slices.Clone(out[i].Scores)
			for j, s := range out[i].Scores {
				out[i].Scores[j] = f(s)
			}
		}
		return out
	}
	for range 100 {
		videos := randomVideos(r, 20)
		m, err := Measure(videos, 20, 1)
		if err != nil {
			t.Fatal(err)
		}
		grown, err := Measure(change(videos, func(s float64) float64 { return math.Exp(s/3) - 7 }), 20, 1)
		if err != nil {
			t.Fatal(err)
		}
		m.ROC, m.PR, grown.ROC, grown.PR = nil, nil, nil, nil
		a, _ := json.Marshal(m)
		b, _ := json.Marshal(grown)
		if string(a) != string(b) {
			t.Fatalf("a growing map of the scores changed\n%s to\n%s", a, b)
		}
		turned, err := Measure(change(videos, func(s float64) float64 { return -s }), 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if !near(turned.MicroAUC, 1-float64(m.MicroAUC)) || !near(turned.EER, 1-float64(m.EER)) {
			t.Fatalf("turned round: AUC %v and EER %v, they were %v and %v", turned.MicroAUC, turned.EER,
				m.MicroAUC, m.EER)
		}
	}
}

func TestBootstrap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var videos []Series
	for range 20 {
		s := Series{}
		for i := range 50 {
			s.Scores = append(s.Scores, r.NormFloat64()+float64(i/25))
			s.Abnormal = append(s.Abnormal, i >= 25)
		}
		videos = append(videos, s)
	}
	a, err := Measure(videos, 400, 7)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Measure(videos, 400, 7)
	c, _ := Measure(videos, 400, 8)
	if a.MicroAUCInterval != b.MicroAUCInterval || a.MicroAUCInterval == c.MicroAUCInterval {
		t.Errorf("intervals %v and %v of one seed, %v of another", a.MicroAUCInterval, b.MicroAUCInterval,
			c.MicroAUCInterval)
	}
	for name, x := range map[string]struct {
		at   Number
		span Interval
	}{
		"micro": {a.MicroAUC, a.MicroAUCInterval}, "macro": {a.MacroAUC, a.MacroAUCInterval},
		"EER": {a.EER, a.EERInterval}, "AP": {a.AP, a.APInterval},
	} {
		if !(x.span[0] < x.at && x.at < x.span[1] && x.span[1]-x.span[0] < 0.2) {
			t.Errorf("%s: %v lies in %v", name, x.at, x.span)
		}
	}
	// The same with another generator and the definition of the AUC: the mean over all pairs of videos, which have the
	// same number of frames.
	wins := make([][]float64, len(videos))
	for i, v := range videos {
		for _, w := range videos {
			wins[i] = append(wins[i], pairs([]Series{
				{Scores: v.Scores[25:], Abnormal: v.Abnormal[25:]},
				{Scores: w.Scores[:25], Abnormal: w.Abnormal[:25]},
			}))
		}
	}
	drawings, drawn := make([]float64, 4000), make([]int, len(videos))
	for n := range drawings {
		for i := range drawn {
			drawn[i] = r.IntN(len(videos))
		}
		for _, i := range drawn {
			for _, j := range drawn {
				drawings[n] += wins[i][j] / float64(len(drawn)*len(drawn))
			}
		}
	}
	slices.Sort(drawings)
	if low, high := drawings[100], drawings[3899]; math.Abs(low-float64(a.MicroAUCInterval[0])) > 0.005 ||
		math.Abs(high-float64(a.MicroAUCInterval[1])) > 0.005 {
		t.Errorf("the middle 95 %% of drawings are %g to %g, the interval is %v", low, high, a.MicroAUCInterval)
	}
	// With one video, all resamplings are equal.
	single, _ := Measure(videos[:1], 50, 7)
	if single.MicroAUCInterval != (Interval{single.MicroAUC, single.MicroAUC}) {
		t.Errorf("one video: %v around %v", single.MicroAUCInterval, single.MicroAUC)
	}
	none, _ := Measure(videos, 0, 7)
	text, err := json.Marshal(none.MicroAUCInterval)
	if err != nil || string(text) != "[null,null]" {
		t.Errorf("no interval is %s, %v", text, err)
	}
}

// TestInterval95 expects the 2.5th and the 97.5th percentile of the defined figures.
func TestInterval95(t *testing.T) {
	values := []float64{math.NaN(), math.NaN()}
	for i := range 1001 {
		values = append(values, float64((i*37)%1001))
	}
	if got := interval95(values); math.Abs(float64(got[0])-25) > 1 || math.Abs(float64(got[1])-975) > 1 {
		t.Errorf("of 0 to 1000: %v, want 25 to 975", got)
	}
	// With a normal and an abnormal video, half of the resamplings have no AUC.
	m, err := Measure([]Series{one([]float64{1, 3}), one([]float64{2, 4}, 0, 1)}, 50, 1)
	if err != nil || m.MicroAUCInterval != (Interval{0.75, 0.75}) || !math.IsNaN(float64(m.MacroAUCInterval[0])) {
		t.Errorf("micro AUC in %v, macro in %v, %v; want .75 in every drawing that has one", m.MicroAUCInterval,
			m.MacroAUCInterval, err)
	}
}
