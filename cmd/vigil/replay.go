package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/app/offline"
	"vigil/config"
	"vigil/eval"
	"vigil/internal/batch"
)

type replay struct {
	recordings
	options           offline.ReplayOptions
	calibration, nats string
	json              bool

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
	f.StringVar(&r.options.Scores, "scores", "",
		"write video,frame,error,regularity to this `file`, and events.csv beside it")
	f.BoolVar(&r.Realtime, "realtime", false, "play at the recordings' own pace")
	f.StringVar(&r.nats, "nats", "",
		"publish to the NATS server at this `url`, as $NATS_USER with $NATS_PASSWORD, not to an embedded one")
	f.BoolVar(&r.options.NoPublish, "no-publish", false, "publish nothing")
	f.StringVar(&r.options.DataDir, "data-dir", config.Default().DataDir, "`folder` of the embedded NATS server")
	f.BoolVar(&r.json, "json", false, "print the summary as JSON")
	return cmd
}

// prepare brings flags, configuration and calibration together.
func (r *replay) prepare(cmd *cobra.Command, args []string) error {
	warnOfLogin(r.stderr, "--nats", r.nats, "")
	if err := r.open(cmd, args); err != nil {
		return usageError{err}
	}
	if err := r.RefuseLive("cannot be replayed; watch it with 'vigil run'"); err != nil {
		return usageError{err}
	}
	if filepath.Base(r.options.Scores) == eval.EventsFile {
		return usageError{fmt.Errorf("--scores: %s is the name of the events' file, which is written beside the scores",
			eval.EventsFile)}
	}
	r.options.NATS = natsServer(r.nats)
	return r.UseCalibration(r.calibration)
}

// natsServer is the server at a URL, with the environment's user, or the embedded one without a URL.
func natsServer(url string) config.NATS {
	n := config.Default().NATS
	if n.URL = url; url != "" {
		n.User, n.Password = os.Getenv("NATS_USER"), config.NewSecret(os.Getenv("NATS_PASSWORD"))
	}
	return n
}

func (r *replay) run(ctx context.Context) error {
	r.options.OnEvent = func(video string, a alerts.Alert) {
		if !r.json {
			fmt.Fprintln(r.stdout, batch.EventText(video, a))
		}
	}
	began := time.Now()
	results, err := r.Replay(ctx, r.options, r.stderr)
	if results == nil {
		return err
	}
	return errors.Join(r.summary(results, time.Since(began)), err)
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
