package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"vigil/alerts"
	"vigil/app"
	"vigil/config"
	"vigil/eval"
	"vigil/internal/batch"
	"vigil/internal/errcode"
)

// ReplayOptions select where scores and alerts go.
type ReplayOptions struct {
	Calibration string      // calibration file instead of that of the settings
	Scores      string      // file for the scores, with a table of events beside it; "" for none
	NATS        config.NATS // server for the alerts; without a URL the embedded one
	DataDir     string      // of the embedded server
	NoPublish   bool
	OnEvent     func(video string, a alerts.Alert) // called with each event that has ended
}

// NATSServer is the server at a URL, with the user and password of the environment, or the embedded one if url is "".
func NATSServer(url string) config.NATS {
	n := config.Default().NATS
	if n.URL = url; url != "" {
		n.User, n.Password = os.Getenv("NATS_USER"), config.NewSecret(os.Getenv("NATS_PASSWORD"))
	}
	return n
}

// PrepareReplay checks that the recordings can be replayed with these options, and takes the calibration.
func (r *Recordings) PrepareReplay(o ReplayOptions) error {
	if err := r.RefuseLive("cannot be replayed; use 'vigil run'"); err != nil {
		return app.Usage(err)
	}
	if filepath.Base(o.Scores) == eval.EventsFile {
		return app.Usage(fmt.Errorf("--scores: %s is the name of the events' file, which is written beside the scores",
			eval.EventsFile))
	}
	return r.UseCalibration(o.Calibration)
}

// Replay scores the recordings whole and publishes their alerts. The results may come with an error, of writing the
// tables.
func (r *Recordings) Replay(ctx context.Context, o ReplayOptions, w io.Writer) (results batch.Results, err error) {
	loaded := app.Models{}
	if _, err := loaded.Load(r.Settings.Model); err != nil {
		return nil, err
	}
	replay := batch.Replay{Recordings: r.Batch(loaded), OnEvent: o.OnEvent}
	frames, bad, err := replay.Probe(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(bad, nil) {
		return nil, errors.Join(bad...)
	}
	if o.Scores != "" {
		if replay.Scores, err = eval.CreateScores(o.Scores); err != nil {
			return nil, err
		}
		defer replay.Scores.Discard()
		if replay.Events, err = eval.CreateEvents(o.Scores); err != nil {
			return nil, err
		}
		defer replay.Events.Discard()
	}
	// The result of each recording is reported, so the pipeline logs nothing.
	replay.Options.Threads = r.Threads
	hasAlerts := r.Settings.Calibration != "" || r.Settings.Threshold != nil
	if !o.NoPublish && (hasAlerts || o.NATS.URL != "") {
		cfg := config.Default()
		cfg.NATS, cfg.DataDir = o.NATS, o.DataDir
		log := slog.New(errcode.Handler(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn})))
		conn, closeBroker, connectErr := app.Connect(ctx, cfg, log)
		if connectErr != nil {
			if o.NATS.URL == "" {
				connectErr = fmt.Errorf("%w (here: --nats URL, or --no-publish)", connectErr)
			}
			return nil, connectErr
		}
		defer func() { err = errors.Join(err, closeBroker()) }()
		replay.Options.Publisher = conn
	}
	if results, err = replay.Run(ctx, frames, bad, w); err != nil {
		return nil, err
	}
	return results, replay.Commit()
}
