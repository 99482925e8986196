// Package demo demonstrates the whole data path on a drawn street, without a camera: it trains on one normal day,
// calibrates on another, monitors a third, and compares its alerts with the drawn incidents.
package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/broker"
	"vigil/internal/batch"
	"vigil/internal/errcode"
	"vigil/internal/output"
	"vigil/internal/progress"
	"vigil/internal/scene"
	"vigil/model"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
	"vigil/preprocess"
)

// Camera is the name of the street's camera.
const Camera = "street"

const (
	hop       = 4
	incidents = 3 // per minute, on the monitored day
	// alarms are allowed in a day, one in twelve minutes: the demonstration is short, and shows what is near the
	// threshold.
	alarmsPerDay = 120
)

// Options configure the drawing and the output.
type Options struct {
	Weights     string // that have learned the street; "" to learn it
	Out         string // folder for pictures and trained weights
	Seed        uint64 // of the days
	Learn       time.Duration
	TrainLength time.Duration // duration of the training video; 0 for 4 minutes
	Normal      time.Duration // duration of the calibration video, on another day; 0 for 3 minutes
	Length      time.Duration // duration of the monitored video
	Realtime    bool          // play at the street's own pace
	Stdout      io.Writer     // events as they happen
	Stderr      io.Writer     // progress and warnings
}

// Check checks the lengths. Errors name them like the flags of 'vigil demo'.
func (o *Options) Check() error {
	if o.Length < 10*time.Second || o.Length > 24*time.Hour {
		return fmt.Errorf("--for: is %s, must be from 10s to 24h", o.Length)
	}
	if o.Learn < 5*time.Second || o.Learn > 24*time.Hour {
		return fmt.Errorf("--learn: is %s, must be from 5s to 24h", o.Learn)
	}
	return nil
}

// Result compares the alerts with the incidents.
type Result struct {
	Found  int             `json:"found"`
	Missed int             `json:"missed"`
	False  int             `json:"false"`
	Kinds  map[string]bool `json:"kinds"` // for each kind that occurred: detected at least once?
}

type demo struct {
	Options
	folder *output.Folder // of Out
}

// Run runs the demo.
func Run(ctx context.Context, o Options) (Result, error) {
	o.TrainLength, o.Normal = cmp.Or(o.TrainLength, 4*time.Minute), cmp.Or(o.Normal, 3*time.Minute)
	d := demo{Options: o}
	return d.run(ctx)
}

func (d *demo) run(ctx context.Context) (result Result, err error) {
	if d.folder, err = output.OpenFolder(d.Out); err != nil {
		return result, fmt.Errorf("--out: %w", err)
	}
	if d.Weights == "" {
		if d.Weights, err = d.folder.Path("street.safetensors"); err != nil {
			return result, fmt.Errorf("--out: %w", err)
		}
		if err := d.train(ctx); err != nil {
			return result, err
		}
	}
	m, err := model.Load(d.Weights)
	if err != nil {
		return result, err
	}
	log := slog.New(errcode.Handler(slog.NewTextHandler(d.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	calibration, err := d.calibrate(ctx, m, log)
	if err != nil {
		return result, err
	}
	dir, remove, err := output.TempDir("", "vigil-demo-*")
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	server, err := broker.Start(ctx, broker.Options{Dir: dir, Port: -1, Log: log})
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, server.Shutdown()) }()
	return d.watch(ctx, m, calibration, server, log)
}

func (d *demo) printf(format string, args ...any) { fmt.Fprintf(d.Stdout, format, args...) }

// street draws one day: the scene is the same on all of them, the people are not.
func (d *demo) street(day uint64, rate float64) (*scene.Street, error) {
	return scene.New(scene.Config{Seed: d.Seed, Day: day, Rate: rate})
}

// camera returns a pipeline camera that plays so much of a street.
func (d *demo) camera(street *scene.Street, length time.Duration, realtime bool, m *model.Model,
	counted func(),
) pipeline.Camera {
	frames := int(math.Round(length.Seconds() * street.FPS()))
	return pipeline.Camera{
		Name: Camera, Model: m, Hop: hop, Lossless: !realtime, Detector: detect.DefaultConfig(),
		NewPreparer: func() (pipeline.Preparer, error) { return preprocess.NewPreparer(m.Spec().Side, nil), nil },
		Open: func(context.Context, uint64, int) (pipeline.Stream, error) {
			return batch.CountFrames(&scene.Source{Street: street, Frames: frames, Realtime: realtime}, counted), nil
		},
	}
}

// calibrate scores a normal day that is not in the training set.
func (d *demo) calibrate(ctx context.Context, m *model.Model, log *slog.Logger) (calibrate.Calibration, error) {
	street, err := d.street(1, 0)
	if err != nil {
		return calibrate.Calibration{}, err
	}
	width, height := street.Size()
	bar := progress.New(d.Stderr, "calibrate", "frames", int(d.Normal.Seconds()*street.FPS()))
	var normal calibrate.NormalScores
	view := calibrate.NewViewLearner(m.Spec().Side, nil)
	cam := d.camera(street, d.Normal, false, m, bar.Add)
	cam.OnPicture = view.Add
	_, err = pipeline.Run(ctx, []pipeline.Camera{cam}, pipeline.Options{
		Log: log, OnClip: normal.Add,
	})
	bar.Finish()
	if ctx.Err() != nil {
		return calibrate.Calibration{}, ctx.Err()
	}
	if err != nil {
		return calibrate.Calibration{}, err
	}
	reference, err := view.Reference()
	if err != nil {
		log.Debug("the view of the street is not learned", "error", err)
	}
	c, err := calibrate.Fit(calibrate.Calibration{
		Reference: reference,
		Key: calibrate.Key{
			Camera: Camera, Model: m.Hash(), Width: width, Height: height, FPS: street.FPS(),
			Hop: hop,
		},
		ModelName: m.Name(), ScoreForm: m.Spec().Score, LoQuantile: calibrate.DefaultLoQuantile,
		AlarmsPerDay: alarmsPerDay,
		Detector:     detect.DefaultConfig().Record(), Made: time.Now().UTC().Truncate(time.Second),
	}, &normal)
	if err == nil {
		d.printf("calibrated on %.0f s of normal street: lo %.4g, threshold %.4g\n", d.Normal.Seconds(), c.Lo, c.Theta)
	}
	return c, err
}

// watch scores another day, prints the messages received over NATS and returns the comparison.
func (d *demo) watch(ctx context.Context, m *model.Model, c calibrate.Calibration, server *broker.Server,
	log *slog.Logger,
) (result Result, err error) {
	street, err := d.street(2, incidents)
	if err != nil {
		return result, err
	}
	conn, err := broker.Dial(ctx, broker.DialOptions{Server: server})
	if err != nil {
		return result, err
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
	bar := progress.New(d.Stderr, "watch", "frames", int(d.Length.Seconds()*street.FPS()))
	defer bar.Finish()
	cam := d.camera(street, d.Length, d.Realtime, m, bar.Add)
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
			d.printAlert(a, street)
			if a.Phase == alerts.PhaseEnd {
				ended = append(ended, a)
			}
		case err := <-watched:
			if err != nil {
				return result, err
			}
			over = true
		case err := <-broken:
			if err == nil {
				err = cmp.Or(ctx.Err(), errors.New("the subscription to alerts ended"))
			}
			return result, err
		}
	}
	return d.sum(street, ended, heat)
}

// printAlert prints one message as it arrives.
func (d *demo) printAlert(a alerts.Alert, street *scene.Street) {
	switch a.Phase {
	case alerts.PhaseStart:
		d.printf("%6.1f s  alert: regularity %.2f, error %.4g above the threshold %.4g\n", a.Start.StreamSeconds,
			a.PeakRegularity, a.PeakError, a.Threshold)
	case alerts.PhaseEnd:
		d.printf("%6.1f s  over after %.1f s, peak %.4g; it was %s\n", a.End.StreamSeconds, a.DurationSeconds,
			a.PeakError,
			truth(street, a))
	}
}

// truth describes the incidents during an alert.
func truth(street *scene.Street, a alerts.Alert) string {
	for _, e := range street.Episodes(int(a.End.Frame) + 1) {
		if Overlaps(e, a) {
			return "a " + e.Kind.String()
		}
	}
	return "nothing"
}

// Overlaps reports whether an alert overlaps an episode.
func Overlaps(e scene.Episode, a alerts.Alert) bool {
	return int(a.Start.Frame) <= e.LastFrame && int(a.End.Frame) >= e.FirstFrame
}

// sum saves the pictures and compares the alerts with the incidents.
func (d *demo) sum(street *scene.Street, ended []alerts.Alert, heat heatMaps) (Result, error) {
	result := Result{Kinds: map[string]bool{}}
	for i, a := range ended {
		path, err := d.folder.Path(fmt.Sprintf("alert-%d.png", i+1))
		if err != nil {
			return result, fmt.Errorf("--out: %w", err)
		}
		if err := heat.save(path, street, a); err != nil {
			return result, err
		}
		d.printf("%s: the peak of alert %d with its heat map\n", path, i+1)
	}
	episodes := street.Episodes(int(math.Round(d.Length.Seconds() * street.FPS())))
	for _, e := range episodes {
		found := slices.ContainsFunc(ended, func(a alerts.Alert) bool { return Overlaps(e, a) })
		result.Kinds[e.Kind.String()] = result.Kinds[e.Kind.String()] || found
		if found {
			result.Found++
		} else {
			result.Missed++
		}
	}
	for _, a := range ended {
		if !slices.ContainsFunc(episodes, func(e scene.Episode) bool { return Overlaps(e, a) }) {
			result.False++
		}
	}
	var kinds []string
	for kind, found := range result.Kinds {
		if !found {
			kind += " (missed)"
		}
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	d.printf("%d of %d incidents found, %d false alarms in %s: %s\n", result.Found, len(episodes),
		result.False, d.Length,
		strings.Join(kinds, ", "))
	return result, nil
}
