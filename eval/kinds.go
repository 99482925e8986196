package eval

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"vigil/internal/regular"
	"vigil/internal/synth/kinds"
	"vigil/pipeline"
	"vigil/pipeline/detect"
)

// ManifestFile lists the videos of a data set of kinds, ManifestHeader its columns.
const (
	ManifestFile   = "manifest.csv"
	ManifestHeader = "video,kind,instance,group,first_frame,last_frame,seed"
)

// Kind is the kind of event that a video of a data set of kinds shows. The zero value is none.
type Kind struct {
	Name, Group string
}

// readManifest returns the kind of each video; nil without a manifest.
func readManifest(path string) (map[string]Kind, error) {
	f, err := regular.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // A data set without kinds is one.
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows := csv.NewReader(f)
	if err := checkHeader(rows, ManifestHeader); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	all, err := rows.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	of := map[string]Kind{}
	for _, row := range all {
		of[row[0]] = Kind{Name: row[1], Group: row[3]}
	}
	return of, nil
}

// Untrusted is a time in which the camera was reported as not to be trusted.
type Untrusted struct {
	Span
	Reported int    // the last frame available when it was reported
	Reason   string // the latest one
}

// Kinds are the results of a data set of kinds.
type Kinds struct {
	ByKind []KindResult `json:"by_kind"` // in the order of 'vigil pseudo --help', others first
	// Found counts the kinds found in at least two thirds of their instances, of Of kinds that should be.
	Found int `json:"found"`
	Of    int `json:"of"`
	// Quiet counts the quiet videos without an alarm, and without a report that the camera is not to be trusted, of
	// QuietOf.
	Quiet   int `json:"quiet"`
	QuietOf int `json:"quiet_of"`
	// False counts the alarms and such reports in the unlabelled time of all other videos.
	False int    `json:"false"`
	Hours Number `json:"unlabelled_hours"`
	// Tampering counts the instances of tampering that were reported as such within maxTamperingDelay, of TamperingOf.
	Tampering   int `json:"tampering_found"`
	TamperingOf int `json:"tampering_of"`
}

// KindResult is the result of a kind.
type KindResult struct {
	Kind      string `json:"kind"`
	Group     string `json:"group"`
	Tampering bool   `json:"tampering"`
	// Ignored says that alarms of the scene are neither found nor false: see kinds.Kind.Disputed.
	Ignored bool `json:"ignored,omitempty"`
	// Found counts the instances that an alarm finds by the rules of Events, or that are reported as untrusted.
	Found       int            `json:"found"`
	DelayMedian Number         `json:"delay_median_seconds"`
	False       int            `json:"false"` // alarms, and reports as untrusted, in the unlabelled time
	Instances   []KindInstance `json:"instances"`
}

// KindInstance is the result of a video of a kind. A video without labels is measured as a whole.
type KindInstance struct {
	Video string `json:"video"`
	Found bool   `json:"found"` // by an alarm
	Delay Number `json:"delay_seconds"`
	Cause string `json:"cause,omitempty"` // the measure of the peak of the first alarm
	False int    `json:"false"`
	// Motion and Appearance are the highest readings of the labelled time, as a multiple of their thresholds.
	Motion     Number `json:"motion"`
	Appearance Number `json:"appearance"`
	// Calm is the share of the clips scored within the labelled time that were called normal, with a regularity of at
	// least leave.
	Calm Number `json:"calm"`
	// Untrusted says that the camera was reported as not to be trusted in the labelled time, for Reason, so many
	// seconds after its begin.
	Untrusted      bool   `json:"untrusted"`
	UntrustedDelay Number `json:"untrusted_delay_seconds"`
	Reason         string `json:"reason,omitempty"`
	UntrustedFalse int    `json:"untrusted_false"` // such reports in the unlabelled time

	hours float64 // of the unlabelled time
}

// maxTamperingDelay is within how many seconds tampering must be reported.
const maxTamperingDelay = 5.0

// add adds a video, whose clips are at the live hop.
func (k *Kinds) add(r Recording, clips []detect.Clip, alarms []Alarm, th pipeline.Threshold, leave float64) {
	i := slices.IndexFunc(k.ByKind, func(b KindResult) bool { return b.Kind == r.Kind.Name })
	if i < 0 {
		i = len(k.ByKind)
		b := KindResult{Kind: r.Kind.Name, Group: r.Kind.Group}
		if known, err := kinds.Select(b.Kind); err == nil && len(known) == 1 {
			b.Tampering, b.Ignored = known[0].Tampering, known[0].Disputed()
		}
		k.ByKind = append(k.ByKind, b)
	}
	b := &k.ByKind[i]
	v := KindInstance{
		Video: r.Name, Delay: nan, Motion: nan, Appearance: nan, Calm: nan, UntrustedDelay: nan,
	}
	m := matchEvents(r, alarms)
	v.False = m.false
	v.Found = m.found > 0
	if len(m.delays) > 0 {
		v.Delay = Number(m.delays[0])
		v.Cause = alarms[m.first].Cause
	}
	v.readings(r, clips, th.Scales(), leave)
	v.untrusted(r)
	abnormal := 0
	for _, on := range r.Abnormal {
		if on {
			abnormal++
		}
	}
	if r.knowsRate() {
		v.hours = float64(len(r.Abnormal)-abnormal) / r.FPS / 3600
	}
	b.Instances = append(b.Instances, v)
}

// readings sets the highest readings, and the share of calm clips.
func (v *KindInstance) readings(r Recording, clips []detect.Clip, scales []detect.Scale, leave float64) {
	labelled := slices.Contains(r.Abnormal, true)
	calm, within := 0, 0
	for _, c := range clips {
		first, last := int(c.ScoredFrom.Frame), min(int(c.Last.Frame), len(r.Abnormal)-1)
		if first > last {
			continue
		}
		frames := r.Abnormal[first : last+1]
		if labelled && !slices.Contains(frames, true) {
			continue
		}
		for _, s := range scales {
			reading, ok := c.Read(s.Measure)
			if !ok {
				continue
			}
			multiple := Number(reading.Error / s.Theta)
			if reading.Measure == detect.Appearance {
				v.Appearance = maxNumber(v.Appearance, multiple)
			} else {
				v.Motion = maxNumber(v.Motion, multiple)
			}
		}
		if labelled && !slices.Contains(frames, false) {
			within++
			applyScales(&c, scales)
			if c.Regularity >= leave && !r.untrustedAt(last) {
				calm++
			}
		}
	}
	v.Calm = ratio(float64(calm), float64(within))
}

// maxNumber is the larger one; NaN is the least.
func maxNumber(a, b Number) Number {
	if math.IsNaN(float64(a)) || b > a {
		return b
	}
	return a
}

// untrustedAt reports whether the camera was reported as not to be trusted when a frame came.
func (r *Recording) untrustedAt(frame int) bool {
	return slices.ContainsFunc(r.Untrusted, func(u Untrusted) bool { return u.Reported <= frame && frame <= u.Last })
}

// untrusted sets what was reported of the camera. A report belongs to the labelled time that it is made in, or that its
// time begins in.
func (v *KindInstance) untrusted(r Recording) {
	for _, u := range r.Untrusted {
		onset := -1
		for _, s := range Spans(r.Abnormal) {
			if u.overlaps(s) && float64(s.First-u.First) <= maxLead*r.FPS {
				onset = s.First
				break
			}
		}
		switch {
		case onset < 0:
			v.UntrustedFalse++
		case !v.Untrusted:
			v.Untrusted, v.Reason = true, u.Reason
			v.UntrustedDelay = Number(float64(max(0, u.Reported-onset)) / r.FPS)
		}
	}
}

// finish sorts the kinds and computes the sums.
func (k *Kinds) finish() {
	all := kinds.All()
	rank := func(b KindResult) int {
		return slices.IndexFunc(all, func(a kinds.Kind) bool { return a.Name == b.Kind })
	}
	slices.SortStableFunc(k.ByKind, func(a, b KindResult) int { return cmp.Compare(rank(a), rank(b)) })
	hours := 0.0
	for i := range k.ByKind {
		b := &k.ByKind[i]
		var delays []Number
		for _, v := range b.Instances {
			b.False += v.UntrustedFalse
			if !b.Ignored {
				b.False += v.False
			}
			if v.Found || v.Untrusted {
				b.Found++
				if d := v.soonest(); d.defined() {
					delays = append(delays, d)
				}
			}
			quiet := v.UntrustedFalse == 0 && (v.False == 0 || b.Ignored)
			switch {
			case b.Group != string(kinds.Quiet):
				hours += v.hours
			case quiet:
				k.Quiet++
				fallthrough
			default:
				k.QuietOf++
			}
			if b.Tampering {
				k.TamperingOf++
				if v.Untrusted && float64(v.UntrustedDelay) <= maxTamperingDelay {
					k.Tampering++
				}
			}
		}
		b.DelayMedian = nan
		if slices.Sort(delays); len(delays) > 0 {
			b.DelayMedian = delays[len(delays)/2] // of few, the higher of the middle ones
		}
		if b.Group == string(kinds.Quiet) {
			continue
		}
		k.Of++
		k.False += b.False
		if 3*b.Found >= 2*len(b.Instances) {
			k.Found++
		}
	}
	k.Hours = Number(hours)
}

// soonest is the delay until the alarm or the report, whichever came first; NaN if neither has one.
func (v *KindInstance) soonest() Number {
	switch {
	case !v.Found || !v.Delay.defined():
		return v.UntrustedDelay
	case !v.Untrusted:
		return v.Delay
	}
	return min(v.Delay, v.UntrustedDelay)
}
