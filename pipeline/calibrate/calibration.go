// Package calibrate fits a camera's threshold to the scores of its normal video: which cells are noisy, the low end of
// normal errors, and the level that keeps to a budget of false alarms. A Calibration is stored in a file of its own.
package calibrate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"vigil/geometry"
	"vigil/internal/errcode"
	"vigil/internal/output"
	"vigil/internal/regular"
	"vigil/model"
	"vigil/pipeline/detect"
	"vigil/pipeline/tamper"
)

// Key is everything that a calibration depends on. Errors of another camera, model, mask, picture size, frame rate or
// hop follow another distribution, so the threshold does not carry over.
type Key struct {
	Camera string  `json:"camera"`
	Model  string  `json:"model_hash"`
	Mask   string  `json:"mask_hash,omitempty"` // MaskHash; empty without a mask
	Width  int     `json:"width"`               // of the source, in pixels
	Height int     `json:"height"`
	FPS    float64 `json:"fps"` // of the frames that the model sees
	Hop    int     `json:"hop"` // in those frames
}

// Calibration describes the normal raw errors of one camera. It is stored apart from the weights.
type Calibration struct {
	Version int     `json:"version"` // of the file format
	ID      string  `json:"id"`      // hash of the content, see contentID
	Key     Key     `json:"key"`
	Lo      float64 `json:"lo"`    // low end of normal errors: regularity 1
	Theta   float64 `json:"theta"` // threshold: regularity 0.5

	ModelName string `json:"model_name"`
	ScoreForm string `json:"score"` // kind of error: mean_abs, block_sq or block_motion

	// Rule is how Theta was found: RuleBudget, RuleHighest, RuleClips or RuleQuantile.
	Rule string `json:"rule"`
	// AlarmsPerDay is the budget of false alarms; 0 without a budget.
	AlarmsPerDay float64 `json:"alarms_per_day"`
	// AlarmsExpected is how many false alarms a day Theta is for, with RuleHighest at most: AlarmsPerDay, or its half
	// for two measures, or more if the video is too short to tell. 0 without a Tail, and in calibrations by earlier
	// versions.
	AlarmsExpected float64       `json:"alarms_expected,omitempty"`
	Detector       detect.Record `json:"detector"`       // its events were counted
	Tail           *Tail         `json:"tail,omitempty"` // nil if there were too few events
	// NoBudgetReason is why Rule is not RuleBudget although a budget is set.
	NoBudgetReason string `json:"no_budget,omitempty"`
	Provisional    bool   `json:"provisional,omitempty"` // the video is too short for the budget
	// HoursNeeded is how much normal video a threshold needs that is not provisional.
	HoursNeeded float64         `json:"hours_needed"`
	Sensitivity *SensitivityMap `json:"places,omitempty"` // nil if no cell is noisy

	LoQuantile    float64 `json:"lo_quantile"`    // Lo is this quantile of the normal errors
	ThetaQuantile float64 `json:"theta_quantile"` // for RuleQuantile: likewise for Theta, see Margin
	// Margin raises Theta above its quantile, by this share of (quantile - Lo); for RuleQuantile.
	Margin   float64   `json:"margin"`
	Clips    int       `json:"clips"`             // scored normal clips
	Min      float64   `json:"least"`             // lowest of their errors
	Max      float64   `json:"greatest"`          // highest of their errors
	Seconds  float64   `json:"seconds"`           // length of the normal video
	Excluded Excluded  `json:"left_out,omitzero"` // clips that were not used
	Made     time.Time `json:"made"`

	// Appearance is the second measure, beside the score of the weights; each has half of AlarmsPerDay. nil for a
	// calibration by one measure.
	Appearance *MeasureFit `json:"appearance,omitempty"`

	// Reference is the view of the place, to check whether the camera can be trusted; nil in calibrations of earlier
	// versions, and where the video was too short.
	Reference *tamper.Reference `json:"reference,omitempty"`
	// Rate is the number of frames a second that the model was to see, 0 for every frame; Key.FPS is what it saw. nil
	// in calibrations of earlier versions.
	Rate *float64 `json:"rate,omitempty"`
	// Background is for weights that know no place; nil for others, which have their own.
	Background *Background `json:"background,omitempty"`
}

// MeasureFit is what is fitted for one measure; the fields are as in Calibration.
type MeasureFit struct {
	Lo             float64         `json:"lo"`
	Theta          float64         `json:"theta"`
	Rule           string          `json:"rule"`
	Tail           *Tail           `json:"tail,omitempty"`
	NoBudgetReason string          `json:"no_budget,omitempty"`
	Provisional    bool            `json:"provisional,omitempty"`
	HoursNeeded    float64         `json:"hours_needed"`
	AlarmsExpected float64         `json:"alarms_expected,omitempty"`
	Sensitivity    *SensitivityMap `json:"places,omitempty"`
	Min            float64         `json:"least"`
	Max            float64         `json:"greatest"`
}

const (
	oldestVersion      = 2
	calibrationVersion = 4
)

// MeasureOf returns the measure that a score of weights is.
func MeasureOf(score string) detect.Measure {
	switch score {
	case model.BlockMotion:
		return detect.Motion
	case model.BlockSq:
		return detect.Appearance
	case model.MeanAbs:
		return detect.Mean
	}
	return ""
}

// Scales returns the camera's scale of each measure that the calibration has.
func (c *Calibration) Scales() []detect.Scale {
	scales := []detect.Scale{{Measure: MeasureOf(c.ScoreForm), Lo: c.Lo, Theta: c.Theta}}
	if a := c.Appearance; a != nil {
		scales = append(scales, detect.Scale{Measure: detect.Appearance, Lo: a.Lo, Theta: a.Theta})
	}
	return scales
}

// SensitivityFor returns the SensitivityMap of a measure; nil for none.
func (c *Calibration) SensitivityFor(m detect.Measure) *SensitivityMap {
	switch {
	case c == nil:
		return nil
	case c.Appearance != nil && m == detect.Appearance:
		return c.Appearance.Sensitivity
	case m == MeasureOf(c.ScoreForm):
		return c.Sensitivity
	}
	return nil
}

// RateTolerance is how far a frame rate may differ from the calibration's, as a share of that: rates are measured, and
// cameras do not keep them exactly.
const RateTolerance = 0.25

// contentID is a short hash of the record, which alerts carry to name their calibration.
func (c Calibration) contentID() string {
	c.ID = ""
	text, err := json.Marshal(c)
	if err != nil {
		// Only NaN and infinity cannot be encoded, and Fit and Read refuse them.
		panic(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Check returns an error that lists every difference between the calibration's key and want.
func (c Calibration) Check(want Key) error {
	var wrong []string
	differ := func(what string, made, now any) {
		wrong = append(wrong, fmt.Sprintf("%s is %v, calibrated for %v", what, now, made))
	}
	got := c.Key
	if got.Camera != want.Camera {
		differ("camera", got.Camera, want.Camera)
	}
	if got.Model != want.Model {
		differ("model hash", shortHash(got.Model), shortHash(want.Model))
	}
	if got.Mask != want.Mask {
		differ("mask", maskName(got.Mask), maskName(want.Mask))
	}
	if got.Width != want.Width || got.Height != want.Height {
		differ("picture size", fmt.Sprintf("%dx%d", got.Width, got.Height),
			fmt.Sprintf("%dx%d", want.Width, want.Height))
	}
	if math.Abs(got.FPS-want.FPS) > RateTolerance*got.FPS {
		differ("frame rate", fmt.Sprintf("%.4g", got.FPS), fmt.Sprintf("%.4g", want.FPS))
	}
	if got.Hop != want.Hop {
		differ("hop", got.Hop, want.Hop)
	}
	return c.MismatchError(wrong)
}

// MismatchError returns an error that lists why the calibration does not fit; nil for no reason.
func (c Calibration) MismatchError(why []string) error {
	if len(why) == 0 {
		return nil
	}
	return errcode.CalibrationMismatch.Wrap(
		fmt.Errorf("calibration %s does not fit: %s; make a new one with 'vigil calibrate'", c.ID,
			strings.Join(why, "; ")))
}

// CheckSettings is Check for what is known before the source is open: camera, model, mask and hop.
func (c Calibration) CheckSettings(want Key) error {
	want.Width, want.Height, want.FPS = c.Key.Width, c.Key.Height, c.Key.FPS
	return c.Check(want)
}

// Warnings returns reasons why the number of alarms may differ from the budget, as sentences for a log; nil for none.
// perDay is the budget in the current settings, 0 for none.
func (c Calibration) Warnings(d detect.Config, perDay float64) []string {
	var out []string
	doubt := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch {
	case c.Rule != RuleBudget && c.Rule != RuleClips && c.AlarmsPerDay > 0:
		doubt("the threshold is provisional and keeps to no number of alarms: %s; calibrate on %.3g hours of normal "+
			"video", c.NoBudgetReason, c.HoursNeeded)
	case c.Rule == RuleClips:
		doubt("the threshold is provisional and may be too high or too low: an earlier version counted every clip as "+
			"an event of its own, since there are %s; calibrate again", c.NoBudgetReason)
	case c.Provisional:
		doubt("the threshold is provisional: %.2g hours of normal video tell of at most 1 alarm in %s, %.3g are "+
			"needed for %.3g alarms a day", c.Seconds/3600, hours(lookAhead*c.Seconds/3600), c.HoursNeeded,
			c.AlarmsPerDay)
	}
	if c.Tail != nil && c.Detector != d.Record() {
		doubt("the detector's settings have changed since the alarms were counted: calibrate again")
	}
	if perDay > 0 && c.AlarmsPerDay > 0 && math.Abs(perDay-c.AlarmsPerDay) > 1e-9*perDay {
		doubt("%.3g alarms a day are asked for, calibrated for %.3g: calibrate again", perDay, c.AlarmsPerDay)
	}
	return out
}

func shortHash(h string) string { return h[:min(12, len(h))] }

func maskName(h string) string {
	if h == "" {
		return "none"
	}
	return shortHash(h)
}

// MaskHash returns the hash of a mask for a Key; "" for no polygons.
func MaskHash(mask []geometry.Polygon) string {
	if len(mask) == 0 {
		return ""
	}
	sum := sha256.Sum256(maskText(mask))
	return hex.EncodeToString(sum[:])
}

// maskText is the text that MaskHash hashes: [[{x y} {x y} …] …], in the shortest decimals that give the same numbers.
// Calibrations store the hash, so the text must never change.
func maskText(mask []geometry.Polygon) []byte {
	b := []byte{'['}
	for i, polygon := range mask {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, '[')
		for j, p := range polygon {
			if j > 0 {
				b = append(b, ' ')
			}
			b = strconv.AppendFloat(append(b, '{'), p.X, 'g', -1, 64)
			b = strconv.AppendFloat(append(b, ' '), p.Y, 'g', -1, 64)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	return append(b, ']')
}

// Read reads a file that Write wrote. It refuses another format version, unknown fields and changed content.
func Read(path string) (Calibration, error) {
	var c Calibration
	text, err := regular.ReadFile(path)
	if err != nil {
		return c, errcode.CalibrationNotReadable.Wrap(fmt.Errorf("read calibration: %w", err))
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &version); err == nil &&
		(version.Version < oldestVersion || version.Version > calibrationVersion) {
		return c, errcode.CalibrationVersion.Wrap(fmt.Errorf(
			"read calibration %s: format version is %d, must be from %d to %d: another version of vigil wrote it, "+
				"which "+
				"found thresholds differently; make a new one with 'vigil calibrate'", path, version.Version,
			oldestVersion, calibrationVersion))
	}
	if err := dec.Decode(&c); err != nil {
		return c, errcode.CalibrationWrongKind.Wrap(
			fmt.Errorf("read calibration %s: not a record that 'vigil calibrate' wrote: %w", path, err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return c, errcode.CalibrationWrongKind.Wrap(fmt.Errorf(
			"read calibration %s: there is more after the record; must be as 'vigil calibrate' wrote it", path))
	}
	for _, s := range c.Scales() {
		if !(s.Lo < s.Theta) {
			return c, errcode.CalibrationWrongKind.Wrap(fmt.Errorf("read calibration %s: lo %g must be below theta %g",
				path, s.Lo, s.Theta))
		}
		if err := c.SensitivityFor(s.Measure).check(); err != nil {
			return c, errcode.CalibrationWrongKind.Wrap(fmt.Errorf("read calibration %s: %w", path, err))
		}
	}
	if c.Reference != nil {
		if err := c.Reference.Check(); err != nil {
			return c, errcode.CalibrationWrongKind.Wrap(fmt.Errorf("read calibration %s: reference: %w", path, err))
		}
	}
	if err := c.Background.check(); err != nil {
		return c, errcode.CalibrationWrongKind.Wrap(fmt.Errorf("read calibration %s: %w", path, err))
	}
	if c.ID != c.contentID() {
		return c, errcode.CalibrationChanged.Wrap(
			fmt.Errorf("read calibration %s: its id %q does not fit its content: it was changed by hand; "+
				"put constants of your own into the configuration's 'threshold' instead", path, c.ID))
	}
	return c, nil
}

// Write replaces the file atomically.
func (c Calibration) Write(path string) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("write calibration %s: %w", path, err)
	}
	if err := output.Write(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write calibration %s: %w", path, err)
	}
	return nil
}
