package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/instance"
	"vigil/app"
	"vigil/config"
	"vigil/eval"
	"vigil/internal/batch"
	"vigil/pipeline/calibrate"
)

type replay struct {
	recordings
	calibration, scores, nats, dataDir string
	noPublish, json                    bool

	stdout, stderr io.Writer
}

func replayCommand() *cobra.Command {
	var r replay
	cmd := &cobra.Command{
		Use:   "replay SOURCE... -m MODEL",
		Short: "Score recordings as fast as they decode, and publish their alerts",
		Long: "Scores video files and folders of frames whole, one after the other. With a calibration its alerts " +
			"are published as\n" +
			"'run' publishes them. Without one there are no alerts, and the regularity in the scores file is the " +
			"paper's, which needs\n" +
			"the whole video: 1 - (e - min)/(max - min).",
		Example: "  vigil replay ped2/test/*.mkv -m weights/fast.safetensors --calibration ped2.json --scores " +
			"scores.csv",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.stdout, r.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if err := r.prepare(cmd, args); err != nil {
				return err
			}
			return interrupted(cmd.Context(), r.run(cmd.Context()))
		},
	}
	r.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&r.calibration, "calibration", "",
		"calibration `file` that 'vigil calibrate' wrote: gives regularity and alerts")
	f.StringVar(&r.scores, "scores", "", "write video,frame,error,regularity to this `file`, and events.csv beside it")
	f.BoolVar(&r.realtime, "realtime", false, "play at the recordings' own pace")
	f.StringVar(&r.nats, "nats", "",
		"publish to the NATS server at this `url`, as $NATS_USER with $NATS_PASSWORD, not to an embedded one")
	f.BoolVar(&r.noPublish, "no-publish", false, "publish nothing")
	f.StringVar(&r.dataDir, "data-dir", config.Default().DataDir, "`folder` of the embedded NATS server")
	f.BoolVar(&r.json, "json", false, "print the summary as JSON")
	return cmd
}

// prepare brings flags, configuration and calibration together.
func (r *replay) prepare(cmd *cobra.Command, args []string) error {
	warnOfLogin(r.stderr, "--nats", r.nats, "")
	if err := r.resolve(cmd, args); err != nil {
		return usageError{err}
	}
	if err := r.refuseLive("cannot be replayed; watch it with 'vigil run'"); err != nil {
		return usageError{err}
	}
	if filepath.Base(r.scores) == eval.EventsFile {
		return usageError{fmt.Errorf("--scores: %s is the name of the events' file, which is written beside the scores",
			eval.EventsFile)}
	}
	if r.calibration != "" {
		r.settings.Calibration, r.settings.Threshold = r.calibration, nil
	}
	if r.settings.Calibration == "" {
		return nil
	}
	// The recordings are taken to be the calibrated camera's, at its hop, unless something else was said.
	cal, err := calibrate.Read(r.settings.Calibration)
	if err != nil {
		return err
	}
	if r.settings.Name == "" {
		r.settings.Name = cal.Key.Camera
	}
	if !cmd.Flags().Changed("hop") && r.configFile == "" {
		r.settings.Hop = cal.Key.Hop
	}
	return nil
}

func (r *replay) run(ctx context.Context) (err error) {
	loaded := app.Models{}
	if _, err := loaded.Load(r.settings.Model); err != nil {
		return err
	}
	replay := batch.Replay{Recordings: r.batch(loaded), OnEvent: func(video string, a alerts.Alert) {
		if !r.json {
			fmt.Fprintln(r.stdout, batch.EventText(video, a))
		}
	}}
	frames, bad, err := replay.Probe(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(bad, nil) {
		return errors.Join(bad...)
	}
	if r.scores != "" {
		if replay.Scores, err = eval.CreateScores(r.scores); err != nil {
			return err
		}
		defer replay.Scores.Discard()
		if replay.Events, err = eval.CreateEvents(r.scores); err != nil {
			return err
		}
		defer replay.Events.Discard()
	}
	log := slog.New(slog.NewTextHandler(r.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	// What becomes of each recording is in its result, so the pipeline logs nothing.
	replay.Options.Threads = r.threads
	if r.publishes() {
		cfg := config.Default()
		cfg.NATS, cfg.DataDir = r.server(), r.dataDir
		conn, closeBroker, err := connect(ctx, cfg, log)
		if err != nil {
			if r.nats == "" {
				err = fmt.Errorf("%w (here: --nats URL, or --no-publish)", err)
			}
			return err
		}
		defer func() { err = errors.Join(err, closeBroker()) }()
		replay.Options.Publisher = conn
	}
	began := time.Now()
	results, err := replay.Run(ctx, frames, bad, r.stderr)
	if err != nil {
		return err
	}
	err = replay.Commit()
	return errors.Join(r.summary(results, time.Since(began)), err)
}

// server is the NATS server that --nats gives, or none for the embedded one.
func (r *replay) server() config.NATS {
	n := config.Default().NATS
	if n.URL = r.nats; n.URL != "" {
		n.User, n.Password = os.Getenv("NATS_USER"), config.NewSecret(os.Getenv("NATS_PASSWORD"))
	}
	return n
}

// connect reaches the configured NATS, or starts the embedded server and reaches that.
func connect(ctx context.Context, cfg config.Config, log *slog.Logger) (*broker.Conn, func() error, error) {
	dial, stop := app.DialOptions(cfg.NATS), func() error { return nil }
	if cfg.NATS.URL == "" {
		if err := instance.CheckFormat(cfg.DataDir); err != nil {
			return nil, nil, err
		}
		server, err := broker.Start(ctx, app.ServerOptions(cfg, log))
		if err != nil {
			return nil, nil, err
		}
		if err := instance.MarkFormat(cfg.DataDir); err != nil {
			return nil, nil, errors.Join(err, server.Shutdown())
		}
		log.Info("embedded NATS server listens", "url", server.URL())
		dial, stop = broker.DialOptions{Server: server}, server.Shutdown
	}
	dial.OnState = func(state string, err error) { log.Warn("nats", "state", state, "error", err) }
	conn, err := broker.Dial(ctx, dial)
	if err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	if err := conn.EnsureStream(ctx); err != nil {
		return nil, nil, errors.Join(err, conn.Close(), stop())
	}
	return conn, func() error { return errors.Join(conn.Close(), stop()) }, nil
}

// publishes says whether there will be alerts, and somebody to tell.
func (r *replay) publishes() bool {
	judged := r.settings.Calibration != "" || r.settings.Threshold != nil
	return !r.noPublish && (judged || r.nats != "")
}

// summary prints what was done, and is an error if any recording failed.
func (r *replay) summary(results batch.Results, took time.Duration) error {
	if !r.json {
		return results.Print(r.stdout, took)
	}
	sum := results.Sum()
	err := json.NewEncoder(r.stdout).Encode(map[string]any{
		"videos": results, "frames": sum.Frames, "clips": sum.Clips, "events": sum.Events, "seconds": took.Seconds(),
	})
	return errors.Join(results.Failed(), err)
}
