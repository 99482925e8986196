package eval

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"vigil/pipeline/detect"
	"vigil/video"
)

// Options configures Evaluate.
type Options struct {
	Hop         int // of the live protocol
	Thresholds  Thresholds
	Detector    detect.Config
	Resamplings int
	Seed        uint64
	// External says that the scores come from elsewhere: they are used unchanged, Hop is not applied, and there are no
	// events, since the frame rate is not known.
	External bool
	// DelayUnknown says that it is not known how many frames later a score was available.
	DelayUnknown bool
	// Step is the distance between the frames that have scores.
	Step int
}

// Result is the result of an evaluation. Its JSON is a contract: paper.micro_auc, paper.macro_auc, live.micro_auc and
// live.no_delay_micro_auc stay.
type Result struct {
	Dataset  string `json:"dataset"`
	Format   string `json:"format"`
	Model    string `json:"model,omitempty"`
	Hash     string `json:"model_hash,omitempty"`
	Score    string `json:"score,omitempty"`
	Frames   int    `json:"frames"`
	Abnormal int    `json:"abnormal_frames"`
	// Paper's alignment; null if scores are missing for some frames, or for all frames that count.
	Paper  *Measures  `json:"paper"`
	Raw    *Measures  `json:"raw"` // the same frames, errors not scaled
	Live   Live       `json:"live"`
	Pixels *Pixels    `json:"pixel"`           // null without masks or error maps
	Kinds  *Kinds     `json:"kinds,omitempty"` // of a data set of kinds, at the threshold
	Videos []PerVideo `json:"videos"`
	Notes  []string   `json:"notes"`
}

// Live is the live protocol: errors at the live hop, scaled by normal video, with every frame counted. Its embedded
// Measures have the label at the clip's start + 8.
type Live struct {
	Measures
	NoDelayMicroAUC     Number       `json:"no_delay_micro_auc"`
	NoDelayWarmMicroAUC Number       `json:"no_delay_warm_micro_auc"` // without the frames that have no score yet
	NoDelay             *Measures    `json:"no_delay"`
	Hop                 int          `json:"hop"`
	AtThreshold         *AtThreshold `json:"threshold"` // null without a threshold
	Events              *Events      `json:"events"`    // likewise
}

// AtThreshold is the share of abnormal (TPR) and of normal frames (FPR) above the thresholds.
type AtThreshold struct {
	Cameras    []CameraThreshold `json:"cameras"`
	TPR        Number            `json:"tpr"`
	FPR        Number            `json:"fpr"`
	NoDelayTPR Number            `json:"no_delay_tpr"`
	NoDelayFPR Number            `json:"no_delay_fpr"`
}

// CameraThreshold is the threshold of one camera.
type CameraThreshold struct {
	Camera string  `json:"camera,omitempty"`
	Lo     float64 `json:"lo"`
	Theta  float64 `json:"theta"`
}

// PerVideo holds the figures of a video. The AUC of a video that is all normal or all abnormal is undefined.
type PerVideo struct {
	Video    string  `json:"video"`
	Frames   int     `json:"frames"`
	Abnormal int     `json:"abnormal_frames"`
	RawAUC   Number  `json:"raw_auc"`
	LiveAUC  Number  `json:"live_auc"`
	NoDelay  Number  `json:"no_delay_auc"`
	Truth    []Span  `json:"truth"`
	Alarms   []Alarm `json:"alarms"`
}

// Evaluate measures recordings.
func Evaluate(recordings []Recording, o Options) (*Result, error) {
	if err := o.Thresholds.checkCovers(recordings); err != nil {
		return nil, err
	}
	r := &Result{Live: Live{Hop: o.Hop, NoDelayMicroAUC: nan, NoDelayWarmMicroAUC: nan}, Notes: []string{}}
	var paper, raw, live, noDelay, afterFirst []Series
	var events Events
	var byKind Kinds
	var scored []scoredVideo // that have alarms
	for _, rec := range recordings {
		clips := rec.Clips
		if !o.External {
			clips = Subsample(rec.Clips, o.Hop)
		}
		value := o.Thresholds.value(rec.Camera)
		paper, raw = append(paper, Paper(rec)), append(raw, Raw(rec))
		live, noDelay = append(live, LiveCentred(rec, clips, value)), append(noDelay, NoDelay(rec, clips, value))
		afterFirst = append(afterFirst, afterFirstScore(noDelay[len(noDelay)-1]))
		v := PerVideo{Video: rec.Name, Frames: len(rec.Abnormal), Truth: Spans(rec.Abnormal), Alarms: []Alarm{}}
		for _, on := range rec.Abnormal {
			if on {
				v.Abnormal++
			}
		}
		if th, ok := o.Thresholds[rec.Camera]; ok && !o.External {
			v.Alarms = append(v.Alarms, alarmsOf(clips, o.Detector, th.Scales())...)
			events.add(rec, v.Alarms)
			if rec.Kind != (Kind{}) {
				byKind.add(rec, clips, v.Alarms, th, o.Detector.Leave)
			}
			scored = append(scored, scoredVideo{rec, clips, th})
		}
		r.Frames += v.Frames
		r.Abnormal += v.Abnormal
		r.Videos = append(r.Videos, v)
	}
	measure := func(name string, s []Series) (*Measures, error) {
		m, err := Measure(s, o.Resamplings, o.Seed)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return &m, nil
	}
	var errs []error
	collect := func(m *Measures, err error) *Measures {
		errs = append(errs, err)
		return m
	}
	switch {
	case o.Step > 1:
		r.addNote("the scores are %d frames apart: the paper's protocol needs one for every frame, so only the live "+
			"one "+
			"is measured", o.Step)
	case !slices.ContainsFunc(raw, func(s Series) bool { return len(s.Scores) > 0 }):
		r.addNote("no score is of a frame that the paper counts, which leaves out the first %d and the last %d of a "+
			"video: only the live protocol is measured",
			video.CuboidFrames/2, afterCentre)
	default:
		r.Paper, r.Raw = collect(measure("paper", paper)), collect(measure("raw", raw))
	}
	if m := collect(measure("live", live)); m != nil {
		r.Live.Measures = *m
	}
	if !o.DelayUnknown {
		if m := collect(measure("no delay", noDelay)); m != nil {
			r.Live.NoDelay, r.Live.NoDelayMicroAUC = m, m.MicroAUC
		}
		// Without the first frames, all labels may be equal; then the figure is undefined.
		if m, err := Measure(afterFirst, 0, 0); err == nil {
			r.Live.NoDelayWarmMicroAUC = m.MicroAUC
		}
	} else {
		r.addNote("it is not known how many frames later a score was available, so there is no figure without delay")
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if o.Thresholds != nil {
		r.Live.AtThreshold = atThresholds(o, live, noDelay)
		if !o.External {
			events.finish()
			events.AtRecall = costOfRecall(scored, o.Detector)
			r.Live.Events = &events
			r.noteUnknownRates(scored)
			if byKind.finish(); byKind.ByKind != nil {
				r.Kinds = &byKind
			}
		}
	}
	r.perVideo(raw, live, noDelay, o)
	return r, nil
}

// noteUnknownRates adds a note on the videos whose alarms have no times.
func (r *Result) noteUnknownRates(videos []scoredVideo) {
	var names []string
	for _, v := range videos {
		if !v.knowsRate() {
			names = append(names, v.Name)
		}
	}
	if names != nil {
		r.addNote("the frame rate is not known, so an alarm that begins long before an event counts as one of the "+
			"event, and there are no delays and no alarms an hour: %s", strings.Join(names, ", "))
	}
}

func (r *Result) addNote(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// perVideo computes each video's own figures, and notes which are undefined.
func (r *Result) perVideo(raw, live, noDelay []Series, o Options) {
	var normal, abnormal, partly []string
	for i := range r.Videos {
		v := &r.Videos[i]
		v.RawAUC, v.LiveAUC, v.NoDelay = seriesAUC(raw[i]), seriesAUC(live[i]), seriesAUC(noDelay[i])
		if o.Step > 1 {
			v.RawAUC = nan
		}
		if o.DelayUnknown {
			v.NoDelay = nan
		}
		switch v.Abnormal {
		case 0:
			normal = append(normal, v.Video)
		case v.Frames:
			abnormal = append(abnormal, v.Video)
		default:
			if math.IsNaN(float64(v.RawAUC)) && r.Raw != nil {
				partly = append(partly, v.Video)
			}
		}
	}
	if normal != nil {
		r.addNote("all normal, so without an AUC of their own and left out of the macro AUC: %s",
			strings.Join(normal, ", "))
	}
	if abnormal != nil {
		r.addNote("all abnormal, so without an AUC of their own and left out of the macro AUC: %s",
			strings.Join(abnormal, ", "))
	}
	if partly != nil {
		r.addNote("of one kind within the frames that the paper counts, so left out of its macro AUC: %s",
			strings.Join(partly, ", "))
	}
}

func seriesAUC(s Series) Number {
	k, err := newRanking([]Series{s})
	if err != nil {
		return nan
	}
	return Number(k.aucs[0])
}

func atThresholds(o Options, live, noDelay []Series) *AtThreshold {
	a := &AtThreshold{NoDelayTPR: nan, NoDelayFPR: nan}
	a.TPR, a.FPR = ratesAbove(live)
	if !o.DelayUnknown {
		a.NoDelayTPR, a.NoDelayFPR = ratesAbove(noDelay)
	}
	for camera, th := range o.Thresholds {
		a.Cameras = append(a.Cameras, CameraThreshold{camera, th.Lo, th.Theta})
	}
	slices.SortFunc(a.Cameras, func(a, b CameraThreshold) int { return cmp.Compare(a.Camera, b.Camera) })
	return a
}

// ratesAbove returns the shares of abnormal and of normal frames above the threshold.
func ratesAbove(videos []Series) (tpr, fpr Number) {
	var pos, neg, hit, wrong float64
	for _, s := range videos {
		for i, score := range s.Scores {
			strange := score > atThreshold
			switch {
			case s.Abnormal[i] && strange:
				pos++
				hit++
			case s.Abnormal[i]:
				pos++
			case strange:
				neg++
				wrong++
			default:
				neg++
			}
		}
	}
	return ratio(hit, pos), ratio(wrong, neg)
}

func ratio(part, whole float64) Number {
	if whole == 0 {
		return Number(math.NaN())
	}
	return Number(part / whole)
}

// AddPixels adds the pixel figures; without masks it only adds a note.
func (r *Result) AddPixels(p *Pixels, videos int) {
	if p.Videos == 0 {
		r.addNote("no pixel truth, so no pixel AUC, RBDC or TBDC")
		return
	}
	p.finish()
	r.Pixels = p
	if p.Videos < videos {
		r.addNote("only %d of %d videos have pixel truth: pixel figures are of these", p.Videos, videos)
	}
	switch {
	case p.Tracks == 0:
		r.addNote("nothing is abnormal in the masks of the frames that count, so no RBDC or TBDC")
	case p.trackFiles == 0:
		r.addNote("TBDC by tracks made of the masks: regions of consecutive frames that share a pixel are one track")
	case p.trackFiles < p.Videos:
		r.addNote("TBDC by the track files of %d of %d videos, and by tracks made of the masks of the others",
			p.trackFiles, p.Videos)
	default:
		r.addNote("TBDC by the track files")
	}
}

// LiveMeasures are the live figures with the label at the clip's start + 8.
func (r *Result) LiveMeasures() *Measures { return &r.Live.Measures }
