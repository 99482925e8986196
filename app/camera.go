package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"vigil/capture"
	"vigil/capture/source"
	"vigil/config"
	"vigil/geometry"
	"vigil/internal/errcode"
	"vigil/internal/regular"
	"vigil/model"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
	"vigil/pipeline/worker"
	"vigil/preprocess"
	"vigil/weights"
)

// Models loads each weights file once, however many cameras use it.
type Models map[string]*model.Model

// Load reads a weights file, or the weights that come with vigil under that name, or returns the model that was read
// before. Files of the same content and name share one model.
func (m Models) Load(path string) (*model.Model, error) {
	if m[path] != nil {
		return m[path], nil
	}
	loaded, err := weights.Load(path)
	if err != nil {
		return nil, err
	}
	for _, other := range m {
		if other.Hash() == loaded.Hash() && other.Name() == loaded.Name() {
			loaded = other
		}
	}
	m[path] = loaded
	return loaded, nil
}

// noClipsAfter is the number of read timeouts after which a live camera whose pictures make no clip gets that state.
const noClipsAfter = 3

// NewCamera makes a pipeline's camera from the configuration's. Its errors name the key; one of usage is a UsageError,
// a file that is missing or damaged is not.
func NewCamera(c config.Camera, loaded Models) (pipeline.Camera, error) {
	cam, unfit, err := newCamera(c, "", loaded)
	if unfit != nil {
		err = cameraError{c.Name, "calibration", Usage(unfit)}
	}
	return cam, err
}

// newCamera is NewCamera for a camera of a configuration file; unfit says why the calibration was not made for the
// camera's settings.
func newCamera(c config.Camera, file string, loaded Models) (cam pipeline.Camera, unfit, err error) {
	var wrong []error
	add := func(key string, err error) {
		if err != nil {
			wrong = append(wrong, cameraError{c.Name, key, err})
		}
	}
	m, err := loaded.OfCamera(c)
	add("model", err)
	_, err = NewTrust(c.Settings)
	add("trust", err)
	var cal calibrate.Calibration
	if c.Calibration != "" {
		cal, err = calibrate.Read(c.Calibration)
		add("calibration", err)
	}
	if wrong != nil {
		return pipeline.Camera{}, nil, errors.Join(wrong...)
	}
	cam = pipeline.Camera{
		Name: c.Name, Live: c.Source.Live(), Lossless: !c.Source.Live() && !c.Realtime,
		AlwaysTrusted: c.Untrusted == "off",
		Model:         m, FPS: FrameRate(c.Settings, &cal, m), Hop: c.Hop, PartialClips: true, Mask: c.Mask,
		RetryMin: c.Reconnect.Min, RetryMax: c.Reconnect.Max, FrozenAfter: c.FrozenAfter,
		NoClipsAfter: noClipsAfter * c.ReadTimeout,
		Detector:     Detector(c),
		Open:         opener(c.Source, c.Settings),
		NewPreparer:  NewPreparer(m.Spec().Side, c.Mask),
	}
	if cam.Live {
		cam.Pictures = OpenWorker(c, m.Spec().Side, nil)
	}
	for _, z := range c.Zones {
		cam.Zones = append(cam.Zones, detect.Zone{Name: z.Name, Area: z.Polygon})
	}
	if len(c.Armed) > 0 {
		cam.Armed = c.ArmedAt
	}
	switch {
	case c.Calibration != "":
		unfit = cal.CheckSettings(cam.CalibrationKey())
		cam.Threshold = pipeline.Threshold{Lo: cal.Lo, Theta: cal.Theta, Calibration: &cal}
		cam.Recalibrate = "make a new one, and name it in the key calibration: " + calibrateCommand(c, file)
	case c.Threshold != nil:
		cam.Threshold = pipeline.Threshold{Lo: c.Threshold.Lo, Theta: c.Threshold.Theta}
	}
	return cam, unfit, nil
}

// howToCalibrate says why a camera's calibration does not fit, with the command that mends it.
func howToCalibrate(unfit error, cam pipeline.Camera) string {
	return strings.TrimSuffix(unfit.Error(), "make a new one with 'vigil calibrate'") + cam.Recalibrate
}

// calibrateCommand returns the command that calibrates a camera of a configuration file again, for a shell in any
// folder. It writes a file that is not there yet: the old calibration is for going back. For a camera that is in no
// file, the command reads its address from standard input.
func calibrateCommand(c config.Camera, file string) string {
	words := []string{"vigil", "calibrate", c.Name, "-c", absolute(file)}
	if file == "" {
		words = []string{"vigil", "calibrate", "-", "--camera", c.Name, "-m", c.Model, "--hop", strconv.Itoa(c.Hop)}
		if c.FPS != nil {
			words = append(words, "--fps", strconv.FormatFloat(*c.FPS, 'g', -1, 64))
		}
	}
	if c.Source.Live() {
		words = append(words, "--for", "5h")
	}
	words = append(words, "-o", unused(absolute(c.Calibration)))
	for i, w := range words {
		words[i] = shellQuoted(w)
	}
	return strings.Join(words, " ")
}

// absolute returns the absolute form of a path, or the path if there is none.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

var numbered = regexp.MustCompile(`-\d+$`)

// unused returns a path beside another that no file has: gate-2.json for gate.json.
func unused(path string) string {
	ending := filepath.Ext(path)
	stem := numbered.ReplaceAllString(strings.TrimSuffix(path, ending), "")
	for n := 2; ; n++ {
		other := fmt.Sprintf("%s-%d%s", stem, n, ending)
		if _, err := os.Lstat(other); other != path && errors.Is(err, os.ErrNotExist) || n == maxUnused {
			return other
		}
	}
}

// maxUnused bounds the search for a free name.
const maxUnused = 1000

var plainWord = regexp.MustCompile(`^[\w./:@%+=,-]+$`)

// shellQuoted returns a word as a POSIX shell reads it.
func shellQuoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// FrameRate is how many frames a second of a camera the model sees, 0 for every frame: those of the settings, else of
// the calibration, if it has a key, else of the weights. A calibration of earlier versions, or weights that do not say
// it, are for every frame.
func FrameRate(s config.Settings, cal *calibrate.Calibration, m *model.Model) float64 {
	switch {
	case s.FPS != nil:
		return *s.FPS
	case cal == nil || cal.Key == calibrate.Key{}:
		return m.FPS()
	case cal.Rate != nil:
		return *cal.Rate
	}
	return 0
}

// Detector returns the detector of a camera's settings.
func Detector(c config.Camera) detect.Config {
	return detect.Config{
		Enter: c.Detector.Enter, Leave: c.Detector.Leave, OpenAfter: c.Detector.OpenAfter,
		OpenAtOnce: c.Detector.OpenAtOnce, CloseAfter: c.Detector.CloseAfter, MinDuration: c.Detector.MinDuration,
		CoolDown:    c.Detector.CoolDown,
		UpdateEvery: c.Detector.UpdateEvery,
	}
}

func opener(src source.Address, s config.Settings) func(context.Context, uint64, int) (pipeline.Stream, error) {
	return func(ctx context.Context, firstSeq uint64, generation int) (pipeline.Stream, error) {
		o, err := OpenOptions(s)
		if err != nil {
			return nil, err
		}
		o.Realtime, o.FirstSeq, o.Generation = s.Realtime, firstSeq, generation
		return capture.Open(ctx, src, o)
	}
}

// OpenOptions returns the options for opening a source according to the settings. Its errors name the key.
func OpenOptions(s config.Settings) (capture.Options, error) {
	trust, err := NewTrust(s)
	return capture.Options{
		Reader: s.Reader, Transport: s.Transport, Trust: trust, Follow: s.Follow,
		OpenTimeout: s.OpenTimeout, ReadTimeout: s.ReadTimeout,
	}, err
}

// maxTrust bounds a file of certificates, in bytes; a system's whole list of authorities is smaller.
const maxTrust = 512 << 10

// NewTrust reads the certificates that a camera may present, each time a camera is opened, so that a new one needs no
// restart.
func NewTrust(s config.Settings) (source.Trust, error) {
	t := source.Trust{System: s.Trust == config.TrustSystem}
	path := s.TrustFile()
	if path == "" {
		return t, nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return t, fmt.Errorf("trust: %w", err)
	case info.Size() == 0 || info.Size() > maxTrust:
		return t, fmt.Errorf("trust: %s has %d bytes, must be a file with certificates and at most %d", path,
			info.Size(), maxTrust)
	}
	if t.PEM, err = regular.ReadFile(path); err != nil {
		return t, fmt.Errorf("trust: %w", err)
	}
	if err := t.Check(); err != nil {
		return t, fmt.Errorf("trust: %s: %w", path, err)
	}
	return t, nil
}

// OpenWorker opens a live camera in a worker process. With footage it keeps pictures for evidence.
func OpenWorker(c config.Camera, side int, footage *pipeline.MediaBuffer) func(context.Context,
	pipeline.OpenRequest) (pipeline.PictureSource, error) {
	return func(ctx context.Context, open pipeline.OpenRequest) (pipeline.PictureSource, error) {
		trust, err := NewTrust(c.Settings)
		if err != nil {
			return nil, err
		}
		o := worker.Options{
			Address: c.Source, Reader: c.Reader, Transport: c.Transport, Trust: trust, Follow: c.Follow,
			OpenTimeout: c.OpenTimeout, ReadTimeout: c.ReadTimeout,
			Side: side, Mask: c.Mask, FirstSeq: open.FirstSeq, Generation: open.Generation, FPSHint: open.FPSHint,
			OnStall: open.OnStall, Note: open.Note, Memory: int64(c.Memory) << 20,
		}
		if footage != nil {
			o.Keep, o.KeepBytes, o.OnPreview = c.Footage.Keep, c.Footage.Memory<<20, footage.AddPreview
		}
		p, err := worker.Start(ctx, o)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}

// NewPreparer returns the constructor of a camera's preparer for the model's input side.
func NewPreparer(side int, mask []geometry.Polygon) func() (pipeline.Preparer, error) {
	return func() (pipeline.Preparer, error) { return preprocess.NewPreparer(side, mask), nil }
}

// assumedFPS is the assumed rate of a camera whose rate is neither set nor known before it is open.
const assumedFPS = 25

// logCapacity logs at the start how many such cameras this machine can score, and what would fit if these are too many.
func logCapacity(ctx context.Context, log *slog.Logger, cameras []pipeline.Camera, threads int) {
	c := pipeline.EstimateCapacity(ctx, cameras, threads, assumedFPS)
	if c.Cameras == 0 {
		return
	}
	log.Info("capacity", "cameras", c.Cameras, "load_percent", int(100*c.Load+0.5), "such_cameras_fit", c.Fit,
		"seconds_a_clip", c.Clip.Round(time.Microsecond).Seconds(), "assumed_fps_where_not_set", assumedFPS)
	if c.Load <= 1 {
		return
	}
	fit := fmt.Sprintf("%.2g frames a second (key fps)", c.FitFPS)
	if c.FitHop <= pipeline.MaxHop {
		fit = fmt.Sprintf("a hop of %d, or %s", c.FitHop, fit)
	}
	log.Warn("these cameras are too many for this machine: clips will be skipped", "would_fit", fit,
		errcode.Key, errcode.CameraOverloaded)
}
