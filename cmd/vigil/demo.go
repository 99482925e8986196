package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/broker"
	"vigil/app"
	"vigil/internal/output"
	"vigil/internal/progress"
	"vigil/internal/scene"
	"vigil/model"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
)

const (
	demoCamera    = "street"
	demoHop       = 4
	demoIncidents = 3 // a minute, on the day that is watched
	// demoMargin is wider than what calibrate takes: three minutes do not show everything that is normal, as somebody
	// who stands still among others, and what goes too fast is several times above the threshold after this training.
	demoMargin = 0.7
)

// demo is the whole way of the data on a street that is drawn: learn it on one normal day, calibrate on another, watch
// a third, tell.
type demo struct {
	weights, out  string
	seed          uint64
	learn, length time.Duration
	lesson        time.Duration // how much of the normal street is learned from
	normal        time.Duration // how much of it, on another day, is calibrated on
	realtime      bool
	json          bool

	folder         *output.Folder // of out
	stdout, stderr io.Writer
}

// demoResult is what was found of what really happened.
type demoResult struct {
	Found  int             `json:"found"`
	Missed int             `json:"missed"`
	False  int             `json:"false"`
	Kinds  map[string]bool `json:"kinds"` // each kind that happened: was it found at least once?
}

func demoCommand() *cobra.Command {
	d := demo{lesson: 4 * time.Minute, normal: 3 * time.Minute}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a street that vigil draws itself: no camera, no data, one command",
		Long: "Draws a street with people on it, learns it, calibrates on another day, and watches a third on which " +
			"cyclists, carts, runners and\n" +
			"falls happen. Alerts go through NATS and are printed as they arrive; a picture of each peak with its " +
			"heat map is saved.\n" +
			"At the end they are held against the truth, which the drawing knows.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.stdout, d.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if d.length < 10*time.Second || d.length > 24*time.Hour {
				return usageError{fmt.Errorf("--for: is %s, must be from 10s to 24h", d.length)}
			}
			if d.learn < 5*time.Second || d.learn > 24*time.Hour {
				return usageError{fmt.Errorf("--learn: is %s, must be from 5s to 24h", d.learn)}
			}
			return interrupted(cmd.Context(), d.run(cmd.Context()))
		},
	}
	f := cmd.Flags()
	f.StringVarP(&d.weights, "model", "m", "", "weights `file` that have learned the street already")
	f.DurationVar(&d.learn, "learn", time.Minute, "how long to learn the street")
	f.StringVarP(&d.out, "out", "o", "demo", "`folder` for the pictures")
	f.Uint64Var(&d.seed, "seed", 1, "which days are drawn")
	f.DurationVar(&d.length, "for", 3*time.Minute, "how much of the street to watch, in its own time")
	f.BoolVar(&d.realtime, "realtime", false, "watch at the street's own pace, not as fast as it can be scored")
	f.BoolVar(&d.json, "json", false, "print only the result, as JSON")
	return cmd
}

func (d *demo) run(ctx context.Context) (err error) {
	if d.folder, err = output.OpenFolder(d.out); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if d.weights == "" {
		if d.weights, err = d.folder.Path("street.safetensors"); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		if err := d.train(ctx); err != nil {
			return err
		}
	}
	m, err := model.Load(d.weights)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(d.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	calibration, err := d.calibrate(ctx, m, log)
	if err != nil {
		return err
	}
	dir, remove, err := output.TempDir("", "vigil-demo-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	server, err := broker.Start(ctx, broker.Options{Dir: dir, Port: -1, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Shutdown()) }()
	return d.watch(ctx, m, calibration, server, log)
}

func (d *demo) say(format string, args ...any) {
	if !d.json {
		fmt.Fprintf(d.stdout, format, args...)
	}
}

// street draws one day: the place is the same on all of them, the people are not.
func (d *demo) street(day uint64, rate float64) (*scene.Street, error) {
	return scene.New(scene.Config{Seed: d.seed, Day: day, Rate: rate})
}

// camera shows so much of a street to the pipeline.
func (d *demo) camera(street *scene.Street, length time.Duration, realtime bool, m *model.Model,
	counted func(),
) pipeline.Camera {
	frames := int(math.Round(length.Seconds() * street.FPS()))
	return pipeline.Camera{
		Name: demoCamera, Model: m, Hop: demoHop, Lossless: !realtime, Detector: detect.DefaultConfig(),
		NewPreparer: app.NewPreparer(m.Spec().Side, nil),
		Open: func(context.Context, uint64, int) (pipeline.Stream, error) {
			return countedStream{&scene.Source{Street: street, Frames: frames, Realtime: realtime}, counted, nil}, nil
		},
	}
}

// calibrate scores a normal day that the weights have not seen.
func (d *demo) calibrate(ctx context.Context, m *model.Model, log *slog.Logger) (calibrate.Calibration, error) {
	street, err := d.street(1, 0)
	if err != nil {
		return calibrate.Calibration{}, err
	}
	width, height := street.Size()
	bar := progress.New(d.stderr, "calibrate", "frames", int(d.normal.Seconds()*street.FPS()))
	var normal calibrate.NormalScores
	_, err = pipeline.Run(ctx, []pipeline.Camera{d.camera(street, d.normal, false, m, bar.Add)}, pipeline.Options{
		Log: log, OnClip: normal.Add,
	})
	bar.Finish()
	if ctx.Err() != nil {
		return calibrate.Calibration{}, errInterrupted
	}
	if err != nil {
		return calibrate.Calibration{}, err
	}
	c, err := calibrate.Fit(calibrate.Calibration{
		Key: calibrate.Key{
			Camera: demoCamera, Model: m.Hash(), Width: width, Height: height, FPS: street.FPS(),
			Hop: demoHop,
		},
		ModelName: m.Name(), ScoreForm: m.Spec().Score, LoQuantile: loQuantile, ThetaQuantile: thetaQuantile,
		Margin:   demoMargin,
		Detector: detect.DefaultConfig().Record(), Made: time.Now().UTC().Truncate(time.Second),
	}, &normal)
	if err == nil {
		d.say("calibrated on %.0f s of normal street: lo %.4g, threshold %.4g\n", d.normal.Seconds(), c.Lo, c.Theta)
	}
	return c, err
}

// watch scores another day, prints what arrives over NATS and sums up.
func (d *demo) watch(ctx context.Context, m *model.Model, c calibrate.Calibration, server *broker.Server,
	log *slog.Logger,
) (err error) {
	street, err := d.street(2, demoIncidents)
	if err != nil {
		return err
	}
	conn, err := broker.Dial(ctx, broker.DialOptions{Server: server})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()

	arrived := make(chan alerts.Alert)
	broken := make(chan error, 1)
	following.Go(func() {
		broken <- archive.New(conn).Follow(ctx, archive.FollowOptions{All: true}, func(m archive.Message) error {
			select {
			case arrived <- m.Alert:
			case <-ctx.Done():
			}
			return nil
		})
	})
	bar := progress.New(d.stderr, "watch", "frames", int(d.length.Seconds()*street.FPS()))
	defer bar.Finish()
	cam := d.camera(street, d.length, d.realtime, m, bar.Add)
	cam.Threshold = pipeline.Threshold{Lo: c.Lo, Theta: c.Theta, Calibration: &c}
	heat := heatMaps{}
	published := 0
	watched := make(chan error, 1)
	following.Go(func() {
		_, err := pipeline.Run(ctx, []pipeline.Camera{cam}, pipeline.Options{
			Log: log, Publisher: conn, OnClip: heat.keep, OnAlert: func(alerts.Alert) { published++ },
		})
		watched <- err
	})
	var ended []alerts.Alert
	for received, over := 0, false; !over || received < published; {
		select {
		case a := <-arrived:
			received++
			bar.Clear()
			d.tell(a, street)
			if a.Phase == alerts.PhaseEnd {
				ended = append(ended, a)
			}
		case err := <-watched:
			if err != nil {
				return err
			}
			over = true
		case err := <-broken:
			if err == nil {
				err = errInterrupted
			}
			return err
		}
	}
	return d.sum(street, ended, heat)
}

// tell prints one message as it arrives.
func (d *demo) tell(a alerts.Alert, street *scene.Street) {
	switch a.Phase {
	case alerts.PhaseStart:
		d.say("%6.1f s  alert: regularity %.2f, error %.4g above the threshold %.4g\n", a.Start.StreamSeconds,
			a.PeakRegularity, a.PeakError, a.Threshold)
	case alerts.PhaseEnd:
		d.say("%6.1f s  over after %.1f s, peak %.4g; it was %s\n", a.End.StreamSeconds, a.DurationSeconds, a.PeakError,
			truth(street, a))
	}
}

// truth says what really happened during an alert.
func truth(street *scene.Street, a alerts.Alert) string {
	for _, e := range street.Episodes(int(a.End.Frame) + 1) {
		if overlap(e, a) {
			return "a " + e.Kind.String()
		}
	}
	return "nothing"
}

func overlap(e scene.Episode, a alerts.Alert) bool {
	return int(a.Start.Frame) <= e.LastFrame && int(a.End.Frame) >= e.FirstFrame
}

// sum saves the pictures and holds the alerts against the truth.
func (d *demo) sum(street *scene.Street, ended []alerts.Alert, heat heatMaps) error {
	result := demoResult{Kinds: map[string]bool{}}
	for i, a := range ended {
		path, err := d.folder.Path(fmt.Sprintf("alert-%d.png", i+1))
		if err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		if err := heat.save(path, street, a); err != nil {
			return err
		}
		d.say("%s: the peak of alert %d with its heat map\n", path, i+1)
	}
	episodes := street.Episodes(int(math.Round(d.length.Seconds() * street.FPS())))
	for _, e := range episodes {
		found := slices.ContainsFunc(ended, func(a alerts.Alert) bool { return overlap(e, a) })
		result.Kinds[e.Kind.String()] = result.Kinds[e.Kind.String()] || found
		if found {
			result.Found++
		} else {
			result.Missed++
		}
	}
	for _, a := range ended {
		if !slices.ContainsFunc(episodes, func(e scene.Episode) bool { return overlap(e, a) }) {
			result.False++
		}
	}
	if d.json {
		return json.NewEncoder(d.stdout).Encode(result)
	}
	var kinds []string
	for kind, found := range result.Kinds {
		if !found {
			kind += " (missed)"
		}
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	d.say("%d of %d incidents found, %d false alarms in %s: %s\n", result.Found, len(episodes), result.False, d.length,
		strings.Join(kinds, ", "))
	return nil
}
