package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"vigil/alerts/broker"
	"vigil/alerts/instance"
	"vigil/api/access"
	"vigil/capture"
	"vigil/config"
	"vigil/internal/errcode"
	"vigil/model"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/video"
)

// problem is a reason not to start. With later set, run starts all the same, since other cameras may be available,
// and this one fails.
type problem struct {
	key   string // of the configuration
	err   error
	later bool
}

// Preparation is everything before the start that Run and Check share, so that Check finds whatever Run would refuse.
// A calibration that was made for other settings is an error for Check alone: Run starts, and holds the camera's
// alerts.
type Preparation struct {
	cameras  []pipeline.Camera // those that are in order
	configs  []config.Camera   // theirs
	problems []problem
	memory   pipeline.Memory // of the pictures of all cameras
}

// Err returns why Run would not start; nil if at least one camera can be monitored.
func (p *Preparation) Err() error {
	var now, later []error
	for _, one := range p.problems {
		if one.later {
			later = append(later, one.err)
		} else {
			now = append(now, one.err)
		}
	}
	if len(now) == 0 && len(later) == len(p.cameras) {
		return errors.Join(later...)
	}
	return errors.Join(now...)
}

// problemsOf returns what is wrong with a camera; nil for nothing. later is whether that counts with which run starts.
func (p *Preparation) problemsOf(camera string, later bool) error {
	var wrong []error
	for _, one := range p.problems {
		if e, ok := errors.AsType[cameraError](one.err); ok && e.camera == camera && (later || !one.later) {
			wrong = append(wrong, one.err)
		}
	}
	return errors.Join(wrong...)
}

// drop leaves a camera out, with its problems.
func (p *Preparation) drop(camera string) {
	p.problems = slices.DeleteFunc(p.problems, func(one problem) bool {
		e, ok := errors.AsType[cameraError](one.err)
		return ok && e.camera == camera
	})
	if i := slices.IndexFunc(p.configs, func(c config.Camera) bool { return c.Name == camera }); i >= 0 {
		p.cameras, p.configs = slices.Delete(p.cameras, i, i+1), slices.Delete(p.configs, i, i+1)
	}
}

func (p *Preparation) add(key string, err error) {
	if err != nil {
		p.problems = append(p.problems, problem{key: key, err: err})
	}
}

// PrepareCameras reads the files of a configuration file's cameras and opens the recordings. A live camera may become
// available later.
func PrepareCameras(ctx context.Context, cfg config.Config, file string) *Preparation {
	return prepareCameras(ctx, cfg, func(string) string { return file }, Models{}, false)
}

// prepareCameras is PrepareCameras of a configuration file with models that are loaded already. With uncalibrated a
// calibration that was made for other settings is no problem: the camera is not calibrated.
func prepareCameras(ctx context.Context, cfg config.Config, fileOf func(camera string) string, loaded Models,
	uncalibrated bool,
) *Preparation {
	p := &Preparation{}
	if len(cfg.Cameras) == 0 {
		p.add("cameras", Usage(errors.New("cameras: none is configured; each must have a name and a source")))
	}
	for i, c := range cfg.Cameras {
		at := fmt.Sprintf("cameras[%d]", i)
		cam, unfit, err := newCamera(c, fileOf(c.Name), loaded)
		if err == nil && unfit == nil && cam.Live {
			unfit = fitsRate(cam)
		}
		if unfit != nil && uncalibrated {
			cam.Uncalibrated = howToCalibrate(unfit, cam)
		} else if unfit != nil {
			err = cameraError{c.Name, "calibration", Usage(errcode.CalibrationMismatch.Wrap(fmt.Errorf(
				"%s (vigil run starts with it, and holds this camera's alerts)", howToCalibrate(unfit, cam))))}
		}
		for _, one := range parts(err) {
			key := at
			if e, ok := errors.AsType[cameraError](one); ok {
				key += "." + e.key
			}
			p.add(key, one)
		}
		if err != nil {
			continue
		}
		p.cameras, p.configs = append(p.cameras, cam), append(p.configs, c)
		if c.Source.Live() {
			continue
		}
		if key, err := tryRecording(ctx, c, cam); err != nil {
			p.problems = append(p.problems, problem{at + "." + key, cameraError{c.Name, key, err}, true})
		}
	}
	p.add("buffers", p.divideMemory(cfg.Buffers))
	return p
}

// divideMemory divides so many MiB among the cameras.
func (p *Preparation) divideMemory(buffers int) (err error) {
	if p.memory, err = pipeline.DivideMemory(int64(buffers)<<20, p.cameras); err != nil {
		return Usage(fmt.Errorf("buffers: %w", err))
	}
	return nil
}

// PrepareSinks reads the files that the connections need. Unless onlyFiles is set, it probes the folder and the
// addresses of the embedded server, which are in use while vigil runs.
func (p *Preparation) PrepareSinks(cfg config.Config, log *slog.Logger, onlyFiles bool) {
	if cfg.NATS.URL != "" {
		p.add("nats", DialOptions(cfg.NATS).Check())
	}
	if cfg.MQTT.URL != "" {
		_, err := broker.TLS(cfg.MQTT.TLS).Config()
		p.add("mqtt.tls", err)
	}
	if cfg.Webhook.URL != (config.Secret{}) {
		_, err := newWebhook(cfg.Webhook)
		p.add("webhook", err)
	}
	if t := cfg.HTTP.TLS; t != (config.ServerTLS{}) {
		if _, err := access.LoadCertificate(t.Cert, t.Key, log); err != nil {
			p.add("http.tls", Usage(fmt.Errorf("http.tls: %w", err)))
		}
	}
	p.add("nats.embedded.store", checkStore(cfg))
	if onlyFiles {
		return
	}
	p.add("data_dir", instance.CheckFormat(cfg.DataDir))
	p.add("http.listen", checkAccess(cfg))
	for _, err := range parts(broker.Probe(ServerOptions(cfg, log))) {
		key := "nats.embedded.port"
		switch {
		case strings.HasPrefix(err.Error(), "alert store"):
			key = "data_dir"
		case strings.HasPrefix(err.Error(), "MQTT"):
			key = "nats.embedded.mqtt_port"
		}
		p.add(key, err)
	}
}

// tryRecording opens a recording briefly. With an error it returns the key that is wrong.
func tryRecording(ctx context.Context, c config.Camera, cam pipeline.Camera) (key string, err error) {
	o, err := OpenOptions(c.Settings)
	if err != nil {
		return "trust", err
	}
	stream, err := capture.Open(ctx, c.Source, o)
	if err != nil {
		return "source", err
	}
	info := stream.Info()
	if err := stream.Close(); err != nil {
		return "source", err
	}
	return "calibration", fitsSource(cam, info)
}

// fitsRate returns an error if the model sees fewer frames a second than the calibration was made for, whatever the
// camera sends.
func fitsRate(cam pipeline.Camera) error {
	cal := cam.Threshold.Calibration
	if cal == nil || cam.FPS <= 0 || cam.FPS >= cal.Key.FPS*(1-calibrate.RateTolerance) {
		return nil
	}
	return cal.MismatchError([]string{fmt.Sprintf("frame rate is %.4g, calibrated for %.4g", cam.FPS, cal.Key.FPS)})
}

// fitsSource returns an error if the camera's calibration was made for pictures of another size or rate.
func fitsSource(cam pipeline.Camera, info video.Info) error {
	cal := cam.Threshold.Calibration
	if cal == nil || info.Width == 0 || cam.Uncalibrated != "" {
		return nil
	}
	key := cam.CalibrationKey()
	key.Width, key.Height, key.FPS = info.Width, info.Height, info.FPS
	if cam.FPS > 0 {
		key.FPS = min(cam.FPS, info.FPS)
	}
	if info.FPS == 0 || cam.Live {
		key.FPS = cal.Key.FPS // it is measured.
	}
	return cal.Check(key)
}

// parts returns the parts of joined errors.
func parts(err error) []error {
	//nolint:errorlint // errors.As would find the first of several.
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, one := range joined.Unwrap() {
			all = append(all, parts(one)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// cameraError is an error of what one of a camera's keys names.
type cameraError struct {
	camera, key string
	err         error
}

func (e cameraError) Error() string {
	return fmt.Sprintf("camera %s: %s: %s", e.camera, e.key, e.text())
}
func (e cameraError) Unwrap() error { return e.err }

// text returns the error without the key.
func (e cameraError) text() string { return strings.TrimPrefix(e.err.Error(), e.key+": ") }

var errNoModel = Usage(errors.New("no weights are named for this camera or for all cameras"))

// OfCamera returns the weights that the key model names.
func (m Models) OfCamera(c config.Camera) (*model.Model, error) {
	if c.Model == "" {
		return nil, errNoModel
	}
	return m.Load(c.Model)
}
