package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts/broker"
	"vigil/alerts/sink/mqtt"
	"vigil/config"
	"vigil/pipeline"
)

// checkTime is how long each server may take to answer.
const checkTime = 6 * time.Second

type check struct {
	path             string
	offline, connect bool
}

func configCheckCommand() *cobra.Command {
	var k check
	c := &cobra.Command{
		Use:   "check",
		Short: "Find what 'vigil run' would refuse, and which servers would not take an alert",
		Long: "Reports everything that is wrong with the configuration file and the files it names (weights, " +
			"calibrations, certificates, recordings),\n" +
			"whether data_dir and the ports of the server inside vigil are free, and whether the NATS server, the " +
			"MQTT broker and the webhook would\n" +
			"take an alert; no alert is sent. With --connect each live camera must show a picture as well. With " +
			"--offline no server is asked, and\n" +
			"it does not matter whether a vigil runs already.\n\n" +
			"Exit codes: 2 for what is wrong in the file, in what it names or on this machine, 1 for a server or a " +
			"camera that does not answer.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if k.offline && k.connect {
				return usageError{errors.New("--offline and --connect: give one of them")}
			}
			return k.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	configFlag(c, &k.path)
	c.Flags().BoolVar(&k.offline, "offline", false,
		"check only the file and what it names: no servers, data_dir or ports")
	c.Flags().BoolVar(&k.connect, "connect", false, "also open each live camera")
	return c
}

// run finds whatever 'vigil run' would refuse, by the same functions.
func (k check) run(ctx context.Context, stdout io.Writer) error {
	file, err := config.Open(k.path)
	if err != nil {
		// Only what the file says can be looked at; what could be read of it is not to be acted on.
		return usageError{file.Join(err, problemsOf(file.CheckFiles())...)}
	}
	cfg, quiet := file.Config, slog.New(slog.DiscardHandler)
	p := prepareCameras(ctx, cfg)
	p.prepareSinks(cfg, quiet, k.offline)
	if ctx.Err() != nil {
		return errInterrupted
	}
	found := make([]config.Problem, 0, len(p.problems))
	for _, one := range p.problems {
		text := strings.TrimPrefix(one.err.Error(), one.key+": ")
		if e, ok := errors.AsType[cameraError](one.err); ok {
			text = e.text()
		}
		if errors.Is(one.err, broker.ErrInUse) {
			text += "; with --offline check does not mind a vigil that runs"
		}
		found = append(found, config.Problem{Key: one.key, Text: text})
	}
	if err := file.Join(cfg.CheckFiles(), found...); err != nil {
		return usageError{err}
	}
	var wrong []error
	if !k.offline {
		wrong = append(wrong, checkWays(ctx, k.path, cfg))
	}
	if k.connect {
		wrong = append(wrong, checkCameras(ctx, k.path, p))
	}
	if err := errors.Join(wrong...); err != nil {
		return interrupted(ctx, err)
	}
	cameras := "cameras"
	if len(cfg.Cameras) == 1 {
		cameras = "camera"
	}
	_, err = fmt.Fprintf(stdout, "%s: %d %s, all right\n", k.path, len(cfg.Cameras), cameras)
	return err
}

func problemsOf(err error) []config.Problem {
	if e, ok := errors.AsType[*config.Errors](err); ok {
		return e.Problems
	}
	return nil
}

// checkCameras opens every live camera, all at once, until it shows a picture.
func checkCameras(ctx context.Context, path string, p *preparation) error {
	wrong := make([]error, len(p.cameras))
	var open sync.WaitGroup
	for i, cam := range p.cameras {
		if !cam.Live {
			continue
		}
		open.Go(func() {
			if err := showsPicture(ctx, p.configs[i], cam); err != nil {
				wrong[i] = fmt.Errorf("%s: camera %s: %w", path, cam.Name, err)
			}
		})
	}
	open.Wait()
	return errors.Join(wrong...)
}

func showsPicture(ctx context.Context, c config.Camera, cam pipeline.Camera) (err error) {
	pictures, err := cam.Pictures(ctx, pipeline.OpenRequest{Number: 1})
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer func() { err = errors.Join(err, pictures.Close()) }()
	if _, err := pictures.Next(ctx); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if err := fitsSource(c, cam, pictures.Info()); err != nil {
		return fmt.Errorf("calibration: %w", err)
	}
	return nil
}

// checkWays says which of the servers that alerts go to would not take one. Alerts are kept and tried on at run, so
// what is wrong here may well be right then; but whoever writes a configuration wants to know.
func checkWays(ctx context.Context, path string, cfg config.Config) error {
	var wrong []error
	for _, way := range []struct {
		key   string
		check func(context.Context, config.Config) error
	}{{"nats", checkNATS}, {"mqtt", checkMQTT}, {"webhook", checkWebhook}} {
		ctx, cancel := context.WithTimeout(ctx, checkTime)
		if err := way.check(ctx, cfg); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %s: %w (alerts would be kept, and tried on)", path, way.key, err))
		}
		cancel()
	}
	return errors.Join(wrong...)
}

func checkNATS(ctx context.Context, cfg config.Config) error {
	if cfg.NATS.URL == "" {
		return nil
	}
	conn, err := broker.Dial(ctx, dialOptions(cfg.NATS))
	if err != nil {
		return err
	}
	return errors.Join(conn.Check(ctx, cameraNames(cfg)...), conn.Close())
}

func checkMQTT(ctx context.Context, cfg config.Config) error {
	if cfg.MQTT.URL == "" {
		return nil
	}
	w, err := newMQTT(cfg, true, mqtt.ReadRegistry(cfg.DataDir), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime/2)
	defer cancel()
	return errors.Join(w.Check(ctx), w.Close())
}

// checkWebhook only connects: a message would be taken for an alert.
func checkWebhook(ctx context.Context, cfg config.Config) error {
	if cfg.Webhook.URL == (config.Secret{}) {
		return nil
	}
	w, err := newWebhook(cfg.Webhook)
	if err != nil {
		return err
	}
	u, err := url.Parse(cfg.Webhook.URL.Reveal())
	if err != nil {
		return errors.New("the address is not one")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("%s: %w", w.Address(), err)
	}
	return conn.Close()
}
