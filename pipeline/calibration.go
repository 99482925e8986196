package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"gonum.org/v1/gonum/stat"

	"vigil/preprocess"
)

// Key is everything that a calibration depends on. Errors of another camera, model, mask, picture size, frame rate or hop
// follow another distribution, so a threshold learned there means nothing here.
type Key struct {
	Camera string  `json:"camera"`
	Model  string  `json:"model_hash"`
	Mask   string  `json:"mask_hash,omitempty"` // MaskHash; empty without a mask
	Width  int     `json:"width"`               // of the source, in pixels
	Height int     `json:"height"`
	FPS    float64 `json:"fps"` // frames a second that the model sees
	Hop    int     `json:"hop"` // in those frames
}

// Calibration is what normal looks like in raw errors for one camera. It is a record of its own, never a part of the
// weights.
type Calibration struct {
	Version int     `json:"version"` // of this format
	ID      string  `json:"id"`      // of its content
	Key     Key     `json:"key"`
	Lo      float64 `json:"lo"`    // the low end of normal errors: regularity 1
	Theta   float64 `json:"theta"` // the threshold: regularity 0.5

	ModelName     string    `json:"model_name"`
	ScoreForm     string    `json:"score"`          // what the error is: mean_abs, block_sq or block_motion
	LoQuantile    float64   `json:"lo_quantile"`    // the quantile of the normal errors that Lo is
	ThetaQuantile float64   `json:"theta_quantile"` // likewise
	Margin        float64   `json:"margin"`         // Theta lies this share of (quantile - Lo) above its quantile
	Clips         int       `json:"clips"`          // normal clips that were scored
	Least         float64   `json:"least"`          // of their errors
	Greatest      float64   `json:"greatest"`       // likewise
	Seconds       float64   `json:"seconds"`        // of normal video
	Made          time.Time `json:"made"`
}

const calibrationVersion = 1

// minCalibrationClips is the least that quantiles are taken from; below it they are noise.
const minCalibrationClips = 20

// Calibrate fills in lo and theta from the raw errors of normal clips: c's LoQuantile, ThetaQuantile and Margin say which
// quantiles (empirical, linearly interpolated). It returns an error for too few clips, for an error that is not finite
// and for errors that do not differ.
func Calibrate(c Calibration, normal []float64) (Calibration, error) {
	if len(normal) < minCalibrationClips {
		return c, fmt.Errorf("calibrate %s: %d clips are too few, at least %d are needed: use more video or a smaller hop",
			c.Key.Camera, len(normal), minCalibrationClips)
	}
	if !(c.Key.FPS > 0) || math.IsInf(c.Key.FPS, 0) {
		return c, fmt.Errorf("calibrate %s: the frame rate is %g: the source's times do not move on", c.Key.Camera, c.Key.FPS)
	}
	sorted := slices.Sorted(slices.Values(normal))
	for _, e := range sorted {
		if math.IsNaN(e) || math.IsInf(e, 0) {
			return c, fmt.Errorf("calibrate %s: the error of a clip is %g", c.Key.Camera, e)
		}
	}
	c.Version = calibrationVersion
	c.Clips, c.Least, c.Greatest = len(normal), sorted[0], sorted[len(sorted)-1]
	c.Lo = stat.Quantile(c.LoQuantile, stat.LinInterp, sorted, nil)
	high := stat.Quantile(c.ThetaQuantile, stat.LinInterp, sorted, nil)
	c.Theta = high + c.Margin*(high-c.Lo)
	if !(c.Theta > c.Lo) {
		return c, fmt.Errorf("calibrate %s: all %d clips have the same error %g: is this a still picture?", c.Key.Camera, len(normal), c.Lo)
	}
	c.ID = c.contentID()
	return c, nil
}

// Median returns the median of values; NaN for none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return stat.Quantile(0.5, stat.LinInterp, slices.Sorted(slices.Values(values)), nil)
}

// contentID is a short hash of what decides events, so that an alert can name the calibration it was judged by.
func (c Calibration) contentID() string {
	text, err := json.Marshal(struct {
		Key       Key
		Lo, Theta float64
	}{c.Key, c.Lo, c.Theta})
	if err != nil {
		// Only NaN and infinity cannot be written, and Calibrate and ReadCalibration refuse them.
		panic(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Check returns an error that names each way in which the calibration was made for something else than want.
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
		differ("picture size", fmt.Sprintf("%dx%d", got.Width, got.Height), fmt.Sprintf("%dx%d", want.Width, want.Height))
	}
	// Frame rates are measured, so they need not agree to the last digit.
	if math.Abs(got.FPS-want.FPS) > 0.1*got.FPS {
		differ("frame rate", fmt.Sprintf("%.4g", got.FPS), fmt.Sprintf("%.4g", want.FPS))
	}
	if got.Hop != want.Hop {
		differ("hop", got.Hop, want.Hop)
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("calibration %s does not fit: %s; make a new one with 'vigil calibrate'", c.ID, strings.Join(wrong, "; "))
}

// CheckSettings is Check for what is known before the source is open: camera, model, mask and hop.
func (c Calibration) CheckSettings(want Key) error {
	want.Width, want.Height, want.FPS = c.Key.Width, c.Key.Height, c.Key.FPS
	return c.Check(want)
}

func shortHash(h string) string { return h[:min(12, len(h))] }

func maskName(h string) string {
	if h == "" {
		return "none"
	}
	return shortHash(h)
}

// MaskHash names a mask in a Key; no polygons give "".
func MaskHash(mask []preprocess.Polygon) string {
	if len(mask) == 0 {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%v", mask))
	return hex.EncodeToString(sum[:])
}

// ReadCalibration reads a record that Write wrote.
func ReadCalibration(path string) (Calibration, error) {
	var c Calibration
	text, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("read calibration: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return c, fmt.Errorf("read calibration %s: not a record that 'vigil calibrate' wrote: %w", path, err)
	}
	if c.Version != calibrationVersion {
		return c, fmt.Errorf("read calibration %s: format version is %d, must be %d", path, c.Version, calibrationVersion)
	}
	if !(c.Lo < c.Theta) {
		return c, fmt.Errorf("read calibration %s: lo %g must be below theta %g", path, c.Lo, c.Theta)
	}
	if c.ID != c.contentID() {
		return c, fmt.Errorf("read calibration %s: its id %q does not fit its content: it was changed by hand; "+
			"put constants of your own into the configuration's 'threshold' instead", path, c.ID)
	}
	return c, nil
}

// Write writes the record by a temporary file and a rename, so that a reader never sees half of it.
func (c Calibration) Write(path string) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("write calibration %s: %w", path, err)
	}
	if err := renameio.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write calibration %s: %w", path, err)
	}
	return nil
}
