package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"vigil/alerts"
	"vigil/capture/recorder"
	"vigil/config"
	"vigil/internal/errcode"
	"vigil/pipeline"
	"vigil/pipeline/worker"
	"vigil/video"
)

// DefaultSegment is the default length of a recording's file.
const DefaultSegment = 10 * time.Minute

const minSegment, maxSegment = time.Second, 24 * time.Hour

// RecordOptions configure the recording of a live camera.
type RecordOptions struct {
	Dir       string
	Transport string        // "tcp" or "udp"; "" as the camera's settings say
	Length    time.Duration // 0 until the context ends
	Segment   time.Duration // of a file, which ends before the next key frame
	ForceExit func()        // ends a program that does not end by itself; may be nil
}

// Check checks the options.
func (o *RecordOptions) Check() error {
	switch {
	case o.Dir == "":
		return Usage(errors.New("-o: is missing; must be the folder for the recordings"))
	case o.Length < 0:
		return Usage(fmt.Errorf("--for: is %s, must not be negative", o.Length))
	case o.Segment < minSegment || o.Segment > maxSegment:
		return Usage(fmt.Errorf("--segment: is %s, must be from %s to %s", o.Segment, minSegment, maxSegment))
	case o.Transport != "" && o.Transport != "tcp" && o.Transport != "udp":
		return Usage(fmt.Errorf("--transport: is %q, must be tcp or udp", o.Transport))
	}
	return nil
}

// RecordedCamera is the configuration's camera of that name, or one of the default settings for an address, with a name
// made of that. Its errors are about usage.
func RecordedCamera(arg string, o SourceOptions) (config.Camera, error) {
	sources, err := ReadSources([]string{arg}, o)
	switch {
	case err != nil:
		return config.Camera{}, Usage(err)
	case len(sources) != 1:
		return config.Camera{}, Usage(fmt.Errorf(
			"%s: has %d addresses; must have one, since vigil record records one camera", arg, len(sources)))
	case sources[0].Camera != nil:
		return *sources[0].Camera, nil
	}
	at := sources[0].Address
	return config.Camera{Name: alerts.CameraName(at.String()), Source: at, Settings: config.Default().Defaults}, nil
}

// Record records a live camera until the time is over, ctx ends or the folder cannot be written. It prints the sums to
// stdout and logs to stderr.
func Record(ctx context.Context, c config.Camera, o RecordOptions, stdout, stderr io.Writer) error {
	switch {
	case !c.Source.Live():
		return Usage(fmt.Errorf("%s: is a recording already; record takes a camera's URL (rtsp, rtsps, http, https)",
			c.Source))
	case !c.Source.IsURL():
		return Usage(fmt.Errorf(
			"%s: is a device; only a camera with a URL (rtsp, rtsps, http, https) sends coded pictures that can be "+
				"kept as they are", c.Source))
	}
	if o.Transport != "" {
		c.Transport = o.Transport
	}
	log := slog.New(errcode.Handler(slog.NewTextHandler(stderr, nil))).With("camera", c.Name)
	r := recording{RecordOptions: o, camera: c, log: log}
	return r.run(ctx, stdout)
}

type recording struct {
	RecordOptions
	camera config.Camera
	log    *slog.Logger
	folder *recorder.Folder
	totals recorder.Totals
}

func (r *recording) run(ctx context.Context, stdout io.Writer) (err error) {
	defer ExitAfter(ctx, r.ForceExit)()
	var left []string
	if r.folder, left, err = recorder.Open(r.Dir, r.camera.Name); err != nil {
		return err
	}
	for _, path := range left {
		r.log.Warn("an interrupted recording was completed", "file", path)
	}
	r.folder.OnSegment, r.folder.OnGap = r.onSegment, r.onGap
	until := ctx
	if r.Length > 0 {
		limited, cancel := context.WithTimeout(ctx, r.Length)
		defer cancel()
		until = limited
	}
	err = r.folder.Record(until, recorder.Camera{
		Connect: r.connect, Pause: pipeline.NewBackoff(r.camera.Reconnect.Min, r.camera.Reconnect.Max).NextAfter,
		OnOpen: func(info video.Info) {
			r.log.Info("source open", "width", info.Width, "height", info.Height, "fps", info.FPS)
		},
		OnLost: func(err error, pause time.Duration) {
			r.log.Warn("camera lost, reconnecting", "error", errcode.CameraLost.Default(err),
				"pause", pause.Round(time.Millisecond))
		},
	})
	r.folder.EndGap(time.Now())
	fmt.Fprintf(stdout, "%s: %s, in %s\n", r.camera.Name, &r.totals, r.Dir)
	if err == nil && r.totals.Segments == 0 && ctx.Err() == nil {
		err = fmt.Errorf("%s: no picture came from the camera in %s; opening it may take some seconds",
			r.camera.Name, r.Length)
	}
	return err
}

func (r *recording) connect(ctx context.Context, opened func(video.Info)) error {
	c := r.camera
	trust, err := NewTrust(c.Settings)
	if err != nil {
		return err
	}
	return worker.Record(ctx, worker.Options{
		Address: c.Source, Transport: c.Transport, Trust: trust, Follow: c.Follow, OpenTimeout: c.OpenTimeout,
		ReadTimeout: c.ReadTimeout,
		Memory:      int64(c.Memory) << 20, Note: func(text string) {
			r.log.Warn("note of the source", "note", text, errcode.Key, errcode.CameraNote)
		},
	}, r.Segment, opened, r.folder)
}

func (r *recording) onSegment(s recorder.Segment) {
	r.totals.AddSegment(s)
	r.log.Info("recorded", "file", s.Path, "seconds", s.Duration.Round(time.Millisecond).Seconds(), "frames", s.Frames,
		"bytes", s.Bytes, "complete", s.Complete)
}

func (r *recording) onGap(g recorder.Gap) {
	r.totals.AddGap(g)
	r.log.Warn("gap in the recording", "from", g.From.UTC().Format(time.RFC3339), "seconds",
		g.Duration.Round(time.Millisecond).Seconds())
}
