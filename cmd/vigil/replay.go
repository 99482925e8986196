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
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/instance"
	"vigil/app"
	"vigil/config"
	"vigil/internal/progress"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
)

type replay struct {
	recordings
	calibration, scores, nats, dataDir string
	noPublish, json                    bool

	stdout, stderr io.Writer
	results        []videoResult
}

// videoResult is what became of one recording.
type videoResult struct {
	Video  string  `json:"video"`
	Frames uint64  `json:"frames"`
	Clips  uint64  `json:"clips"`
	Events uint64  `json:"events"`
	Source float64 `json:"source_fps,omitempty"` // frames a second that the recording has
	Seen   float64 `json:"fps,omitempty"`        // that the model saw
	Error  string  `json:"error,omitempty"`
	// Unscorable are the clips that could not be scored.
	Unscorable uint64 `json:"unscorable,omitempty"`
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
	for _, s := range r.sources {
		if s.Live() {
			return usageError{fmt.Errorf("%s: a live camera cannot be replayed; watch it with 'vigil run'", s)}
		}
	}
	if filepath.Base(r.scores) == eventsFile {
		return usageError{fmt.Errorf("--scores: %s is the name of the events' file, which is written beside the scores",
			eventsFile)}
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
	total, bad, err := probe(ctx, r.sources, r.settings.Settings)
	if err != nil {
		return err
	}
	if !slices.Contains(bad, nil) {
		return errors.Join(bad...)
	}
	var scores, events *table
	if r.scores != "" {
		if scores, err = newTable(r.scores, "video", "frame", "error", "regularity"); err != nil {
			return err
		}
		defer scores.discard()
		if events, err = newEvents(r.scores); err != nil {
			return err
		}
		if events != nil {
			defer events.discard()
		}
	}
	log := slog.New(slog.NewTextHandler(r.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	// What becomes of each recording is in its result, so the pipeline logs nothing.
	opts := pipeline.Options{Threads: r.threads}
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
		opts.Publisher = conn
	}
	began := time.Now()
	bar := progress.New(r.stderr, "replay", "frames", total)
	for i := range r.sources {
		if bad[i] != nil {
			r.results = append(r.results, videoResult{Video: r.names[i], Error: bad[i].Error()})
			continue
		}
		if err := r.video(ctx, i, r.names[i], loaded, opts, bar, scores, events); err != nil {
			bar.Finish()
			return err
		}
	}
	bar.Finish()
	r.rates.print(r.stderr, "replay")
	good := slices.ContainsFunc(r.results, func(v videoResult) bool { return v.Error == "" })
	if scores != nil && good {
		err = events.commit()
		if err == nil {
			err = scores.commit()
		}
	}
	return errors.Join(r.summary(time.Since(began)), err)
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

// video scores the i-th recording. A recording that cannot be read to its end is noted and leaves the others alone; its
// scores are not kept.
func (r *replay) video(ctx context.Context, i int, video string, loaded app.Models, opts pipeline.Options, bar *progress.Bar,
	scores, events *table,
) error {
	cam, err := r.pipelineCamera(i, loaded, bar.Add)
	if err != nil {
		return err
	}
	var clips []scoredFrame
	var ended []alerts.Alert
	if scores != nil {
		opts.OnClip = func(c detect.Clip) {
			// A row is a clip's start + 8, and early clips have no such.
			if !c.Early() {
				clips = append(clips, scoredFrame{c.Centre.Frame, c.Error, c.Regularity})
			}
		}
	}
	opts.OnAlert = func(a alerts.Alert) {
		if a.Phase == alerts.PhaseEnd {
			ended = append(ended, a)
		}
	}
	stats, err := pipeline.Run(ctx, []pipeline.Camera{cam}, opts)
	if ctx.Err() != nil {
		return errInterrupted
	}
	result := videoResult{
		Video: video, Frames: stats[0].Frames, Clips: stats[0].Scored, Events: stats[0].Events,
		Unscorable: stats[0].Unscorable,
	}
	if err == nil {
		result.Source, result.Seen = stats[0].Rates.Source, stats[0].Rates.Seen
		r.rates.add(video, stats[0].Rates)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", r.sources[i], err)
		result.Error = err.Error()
	}
	r.results = append(r.results, result)
	bar.Clear()
	r.printNotes(r.stderr)
	if n := result.Unscorable; n > 0 {
		fmt.Fprintf(r.stderr, "%s: %d clips could not be scored, %d were\n", video, n, result.Clips)
	}
	for _, a := range ended {
		if !r.json {
			fmt.Fprintf(r.stdout,
				"%s: frames %d to %d (%.1f s to %.1f s), peak %.4g at frame %d against a threshold of %.4g, "+
					"regularity %.2f%s\n",
				video, a.Start.Frame, a.End.Frame, a.Start.StreamSeconds, a.End.StreamSeconds, a.PeakError,
				a.Peak.Frame, a.Threshold,
				a.PeakRegularity, inZones(a.Zones))
		}
		if events != nil && err == nil {
			eventRow(events, video, a)
		}
	}
	if scores != nil && err == nil {
		scoreRows(scores, video, clips)
	}
	return nil
}

func inZones(zones []string) string {
	if len(zones) == 0 {
		return ""
	}
	return ", in " + strings.Join(zones, ", ")
}

// summary prints what was done, and is an error if any recording failed.
func (r *replay) summary(took time.Duration) error {
	var sum videoResult
	var failed []error
	for _, v := range r.results {
		sum.Frames += v.Frames
		sum.Clips += v.Clips
		sum.Events += v.Events
		if v.Error != "" {
			failed = append(failed, errors.New(v.Error))
		}
	}
	if r.json {
		err := json.NewEncoder(r.stdout).Encode(map[string]any{
			"videos": r.results, "frames": sum.Frames, "clips": sum.Clips, "events": sum.Events,
			"seconds": took.Seconds(),
		})
		return errors.Join(append(failed, err)...)
	}
	w := tabwriter.NewWriter(r.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "video\tframes\tclips\tevents\t\n")
	for _, v := range r.results {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t\n", v.Video, v.Frames, v.Clips, v.Events)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(r.stdout, "%d videos, %d frames, %d clips, %d events in %.1f s: %.0f frames/s, %.1f clips/s\n",
		len(r.results), sum.Frames,
		sum.Clips, sum.Events, took.Seconds(), float64(sum.Frames)/took.Seconds(), float64(sum.Clips)/took.Seconds())
	return errors.Join(failed...)
}
