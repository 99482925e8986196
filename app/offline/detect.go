package offline

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"vigil/app"
	"vigil/config"
	"vigil/eval"
	"vigil/internal/regular"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
)

// DetectOptions say which threshold and which detector decide. What is nil or "" is left to what comes before it: the
// defaults, a timeline's own settings, the configuration's camera, the calibration file.
type DetectOptions struct {
	ConfigFile, Camera string
	Calibration        string
	FPS                float64 // of the frames that a CSV file numbers; 0 if not given
	Lo, Theta          *float64
	Enter, Leave       *float64
	OpenAfter          *time.Duration
	OpenAtOnce         *float64
	CloseAfter         *time.Duration
	MinDuration        *time.Duration
	CoolDown           *time.Duration
}

// Detect runs the detector over the scores in a file, or of stdin for -: a CSV file as replay writes it, or a timeline.
// The results come with an error if a timeline expects other events.
func Detect(path string, stdin io.Reader, o DetectOptions) (*eval.Detected, error) {
	if err := o.check(); err != nil {
		return nil, app.Usage(err)
	}
	name, in := "standard input", stdin
	if path != "-" {
		f, err := regular.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		name, in = path, f
	}
	text := bufio.NewReader(in)
	if isCSV(text) {
		return o.detectCSV(name, text)
	}
	return o.detectTimeline(name, text)
}

// isCSV reports whether a text begins with a header, which has commas. It reads nothing.
func isCSV(text *bufio.Reader) bool {
	const enough = 256
	head, _ := text.Peek(enough) // a short text has an error and a head
	line, _, _ := bytes.Cut(head, []byte("\n"))
	line, _, _ = bytes.Cut(line, []byte("#")) // a timeline's comment
	return bytes.ContainsRune(line, ',')
}

func (o DetectOptions) check() error {
	switch {
	case (o.Lo == nil) != (o.Theta == nil):
		return errors.New("--lo and --theta: give both, a threshold lies above the low end of normal errors")
	case o.Lo != nil && !(*o.Lo < *o.Theta):
		return fmt.Errorf("--lo %g and --theta %g: lo must be below theta", *o.Lo, *o.Theta)
	case o.ConfigFile != "" && o.Camera == "":
		return errors.New("--camera: which of the configuration's cameras are the scores of?")
	case o.ConfigFile == "" && o.Camera != "":
		return errors.New("-c: which configuration has the camera?")
	case !(o.FPS >= 0 && o.FPS <= maxFPS):
		return fmt.Errorf("--fps: is %g, must be from 0 to %d", o.FPS, maxFPS)
	}
	return nil
}

const maxFPS = 1000

func (o DetectOptions) detectCSV(name string, in io.Reader) (*eval.Detected, error) {
	if o.FPS == 0 {
		return nil, app.Usage(errors.New("--fps: how many frames a second had the video? The scores only number them"))
	}
	scores, err := eval.ReadScoresFrom(in, name)
	if err != nil {
		return nil, err
	}
	cfg := app.Detector(config.Camera{Settings: config.Default().Defaults})
	var threshold *pipeline.Threshold
	if err := o.apply(&cfg, &threshold); err != nil {
		return nil, err
	}
	return scores.Detect(o.FPS, threshold, cfg)
}

func (o DetectOptions) detectTimeline(name string, in io.Reader) (*eval.Detected, error) {
	if o.FPS != 0 {
		return nil, app.Usage(errors.New("--fps: a timeline has times, not frames"))
	}
	t, err := detect.ParseTimeline(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	cfg, threshold := t.Config(), (*pipeline.Threshold)(nil)
	if err := o.apply(&cfg, &threshold); err != nil {
		return nil, err
	}
	t.Record = cfg.Record()
	if threshold != nil {
		t.Lo, t.Theta = threshold.Lo, threshold.Theta
	}
	events := t.Replay()
	if err = t.CheckEvents(events); err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return eval.DetectTimeline(name, t, events), err
}

// apply sets what the options say.
func (o DetectOptions) apply(cfg *detect.Config, threshold **pipeline.Threshold) error {
	calibration := o.Calibration
	if o.ConfigFile != "" {
		_, camera, err := config.LoadCamera(o.ConfigFile, o.Camera)
		if err != nil {
			return app.Usage(err)
		}
		*cfg = app.Detector(camera)
		if t := camera.Threshold; t != nil {
			*threshold = &pipeline.Threshold{Lo: t.Lo, Theta: t.Theta}
		}
		if calibration == "" {
			calibration = camera.Calibration
		}
	}
	if calibration != "" {
		cal, err := calibrate.Read(calibration)
		if err != nil {
			return err
		}
		*threshold = &pipeline.Threshold{Lo: cal.Lo, Theta: cal.Theta, Calibration: &cal}
		if o.ConfigFile == "" && cal.Detector.Enter > 0 {
			*cfg = cal.Detector.Config()
		}
	}
	if o.Lo != nil {
		*threshold = &pipeline.Threshold{Lo: *o.Lo, Theta: *o.Theta}
	}
	set(&cfg.Enter, o.Enter)
	set(&cfg.Leave, o.Leave)
	set(&cfg.OpenAfter, o.OpenAfter)
	set(&cfg.OpenAtOnce, o.OpenAtOnce)
	set(&cfg.CloseAfter, o.CloseAfter)
	set(&cfg.MinDuration, o.MinDuration)
	set(&cfg.CoolDown, o.CoolDown)
	if err := cfg.Validate(); err != nil {
		return app.Usage(err)
	}
	return nil
}

func set[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}
