package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"vigil/alerts/broker"
	"vigil/alerts/instance"
	"vigil/alerts/sink/mqtt"
	"vigil/config"
	"vigil/internal/errcode"
	"vigil/pipeline"
)

// checkTime bounds each server's response.
const checkTime = 6 * time.Second

// checkCameras opens every live camera, all at once, until it shows a picture.
func checkCameras(ctx context.Context, path string, p *Preparation) error {
	wrong := make([]error, len(p.cameras))
	var open sync.WaitGroup
	for i, cam := range p.cameras {
		if !cam.Live {
			continue
		}
		open.Go(func() {
			if err := showsPicture(ctx, cam); err != nil {
				wrong[i] = fmt.Errorf("%s: camera %s: %w", path, cam.Name, err)
			}
		})
	}
	open.Wait()
	return errors.Join(wrong...)
}

func showsPicture(ctx context.Context, cam pipeline.Camera) (err error) {
	pictures, err := cam.Pictures(ctx, pipeline.OpenRequest{Generation: 1})
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer func() { err = errors.Join(err, pictures.Close()) }()
	if _, err := pictures.Next(ctx); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if err := fitsSource(cam, pictures.Info()); err != nil {
		return fmt.Errorf("calibration: %w", errcode.CalibrationMismatch.Wrap(errors.New(howToCalibrate(err, cam))))
	}
	return nil
}

// checkSinks returns an error for each server that would not accept an alert. At run alerts are stored and retried,
// so these errors may be temporary.
func checkSinks(ctx context.Context, path string, cfg config.Config) error {
	var wrong []error
	for _, server := range []struct {
		key   string
		check func(context.Context, config.Config) error
	}{{"nats", CheckNATS}, {"mqtt", checkMQTT}, {"webhook", checkWebhook}} {
		ctx, cancel := context.WithTimeout(ctx, checkTime)
		if err := server.check(ctx, cfg); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %s: %w (alerts would be stored and retried)", path, server.key, err))
		}
		cancel()
	}
	return errors.Join(wrong...)
}

// CheckNATS returns why the configured NATS server would not accept an alert; nil without one.
func CheckNATS(ctx context.Context, cfg config.Config) error {
	if cfg.NATS.URL == "" {
		return nil
	}
	conn, err := broker.Dial(ctx, DialOptions(cfg.NATS))
	if err != nil {
		return err
	}
	return errors.Join(conn.Check(ctx, cameraNames(cfg)...), conn.Close())
}

func checkMQTT(ctx context.Context, cfg config.Config) error {
	if cfg.MQTT.URL == "" {
		return nil
	}
	id, _ := instance.Read(cfg.DataDir) // "" if there is none yet
	client, err := newMQTT(cfg, mqtt.NewRegistry(id), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime/2)
	defer cancel()
	return errors.Join(client.Check(ctx), client.Close())
}

// checkWebhook only connects: a message would be taken for an alert.
func checkWebhook(ctx context.Context, cfg config.Config) error {
	if cfg.Webhook.URL == (config.Secret{}) {
		return nil
	}
	hook, err := newWebhook(cfg.Webhook)
	if err != nil {
		return err
	}
	u, err := url.Parse(cfg.Webhook.URL.Reveal())
	if err != nil {
		return errors.New("invalid address")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("%s: %w", hook.Address(), err)
	}
	return conn.Close()
}

// CheckOptions select what Check checks.
type CheckOptions struct {
	Offline bool // only the file and what it names: no servers, data_dir or ports
	Connect bool // also open each live camera
}

// Check finds what Run would refuse in a configuration file, by the same functions, which cameras would have no alerts
// because of their calibration, and which servers would not accept an alert. It returns the number of cameras. An
// error of the file, of what it names or of this machine is a UsageError; a server or a camera that does not answer is
// not.
func Check(ctx context.Context, path string, o CheckOptions) (cameras int, err error) {
	file, err := config.Open(path)
	if err != nil {
		// The file has errors: check only its content, since what could be read must not be used.
		return 0, Usage(file.Join(err, problemsOf(file.CheckFiles())...))
	}
	cfg := file.Config
	p := PrepareCameras(ctx, cfg, path)
	p.PrepareSinks(cfg, slog.New(slog.DiscardHandler), o.Offline)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err := file.Join(cfg.CheckFiles(), p.configProblems()...); err != nil {
		return 0, Usage(err)
	}
	var wrong []error
	if !o.Offline {
		wrong = append(wrong, checkSinks(ctx, path, cfg))
	}
	if o.Connect {
		wrong = append(wrong, checkCameras(ctx, path, p))
	}
	return len(cfg.Cameras), errors.Join(wrong...)
}

// configProblems reports the problems like those of a configuration.
func (p *Preparation) configProblems() []config.Problem {
	found := make([]config.Problem, 0, len(p.problems))
	for _, one := range p.problems {
		text := strings.TrimPrefix(one.err.Error(), one.key+": ")
		if e, ok := errors.AsType[cameraError](one.err); ok {
			text = e.text()
		}
		if errors.Is(one.err, broker.ErrInUse) {
			text += "; --offline permits a running vigil"
		}
		found = append(found, config.Problem{Key: one.key, Text: text, Code: errcode.Of(one.err)})
	}
	return found
}

func problemsOf(err error) []config.Problem {
	if e, ok := errors.AsType[*config.Errors](err); ok {
		return e.Problems
	}
	return nil
}
