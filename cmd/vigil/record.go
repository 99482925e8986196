package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/app"
	"vigil/capture/recorder"
	"vigil/config"
	"vigil/internal/errcode"
	"vigil/pipeline"
	"vigil/pipeline/worker"
	"vigil/video"
)

const (
	defaultSegment               = 10 * time.Minute
	minSegment, maxSegment       = time.Second, 24 * time.Hour
	longestURLOnStdin      int64 = 64 << 10
)

type record struct {
	file, dir, transport string
	length, segment      time.Duration

	camera config.Camera
	log    *slog.Logger
	folder *recorder.Folder
	totals recorder.Totals
}

func recordCommand() *cobra.Command {
	var r record
	cmd := &cobra.Command{
		Use:   "record CAMERA -o DIR",
		Short: "Record a live camera as it is, to train and calibrate on",
		Long: "Copies what a camera sends, without decoding it, into Matroska files that each begin at a key frame. " +
			"Their names have the camera's\n" +
			"name and the time of the first picture in UTC, as gate-20261129T164800Z.mkv. Sound is left out.\n" +
			"CAMERA is the name of one in the configuration, - for a URL on standard input, @FILE for one in a file, " +
			"or a URL; one with a password\n" +
			"does not belong on the command line, where every user of the machine can read it.\n\n" +
			"A camera that breaks off is opened again for as long as --for lasts; each connection begins a new file, " +
			"and what is missing between\n" +
			"two is said. A file under way ends in .mkv.part. If vigil is killed it can be played up to the last " +
			"second, and the next recording\n" +
			"of the same camera into the same folder gives it its name. No file is ever written over.",
		Example: "  vigil record gate --for 3h -o normal\n" +
			"  cat url.txt | vigil record - --for 1h -o normal",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.prepare(cmd, args[0]); err != nil {
				return usageError{err}
			}
			return r.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVarP(&r.file, "config", "c", config.DefaultFile, "configuration `file` that has the camera")
	f.StringVarP(&r.dir, "out", "o", "", "`folder` for the recordings")
	f.DurationVar(&r.length, "for", 0, "how long to record; 0 until it is stopped")
	f.DurationVar(&r.segment, "segment", defaultSegment, "how long a file is; it ends before the next key frame")
	f.StringVar(&r.transport, "transport", "",
		"how RTSP brings the pictures, tcp or udp, if not as the configuration says")
	return cmd
}

func (r *record) prepare(cmd *cobra.Command, arg string) error {
	switch {
	case r.dir == "":
		return errors.New("-o: which folder shall the recordings go to?")
	case r.length < 0:
		return fmt.Errorf("--for: is %s, must not be negative", r.length)
	case r.segment < minSegment || r.segment > maxSegment:
		return fmt.Errorf("--segment: is %s, must be from %s to %s", r.segment, minSegment, maxSegment)
	case r.transport != "" && r.transport != "tcp" && r.transport != "udp":
		return fmt.Errorf("--transport: is %q, must be tcp or udp", r.transport)
	}
	var err error
	if r.camera, err = recordedCamera(cmd, arg, r.file); err != nil {
		return err
	}
	if r.transport != "" {
		r.camera.Transport = r.transport
	}
	src := r.camera.Source
	switch {
	case !src.Live():
		return fmt.Errorf("%s: is a recording already; record takes a camera's URL (rtsp, rtsps, http, https)", src)
	case !src.IsURL():
		return fmt.Errorf(
			"%s: is a device; only a camera with a URL (rtsp, rtsps, http, https) sends coded pictures that can be "+
				"kept as they are", src)
	}
	r.log = slog.New(errcode.Handler(slog.NewTextHandler(cmd.ErrOrStderr(), nil))).With("camera", r.camera.Name)
	return nil
}

// recordedCamera is the configuration's camera of that name, or one of the default settings for an address.
func recordedCamera(cmd *cobra.Command, arg, file string) (config.Camera, error) {
	sources, err := readSources(cmd, []string{arg}, file, cmd.Flags().Changed("config"))
	switch {
	case err != nil:
		return config.Camera{}, err
	case len(sources) != 1:
		return config.Camera{},
			fmt.Errorf("%s: has %d addresses; vigil record takes one camera, and another vigil the next", arg,
				len(sources))
	case sources[0].Camera != nil:
		return *sources[0].Camera, nil
	}
	src := sources[0].Address
	return config.Camera{Name: alerts.CameraName(src.String()), Source: src, Settings: config.Default().Defaults},
		nil
}

// run records until the time is over, ctx is done or the folder takes no more.
func (r *record) run(ctx context.Context, stdout io.Writer) (err error) {
	defer app.ExitAfter(ctx, forceExit)()
	var left []string
	if r.folder, left, err = recorder.Open(r.dir, r.camera.Name); err != nil {
		return err
	}
	for _, path := range left {
		r.log.Warn("an interrupted recording is kept", "file", path)
	}
	r.folder.OnSegment, r.folder.OnGap = r.onSegment, r.onGap
	until := ctx
	if r.length > 0 {
		limited, cancel := context.WithTimeout(ctx, r.length)
		defer cancel()
		until = limited
	}
	err = r.folder.Record(until, recorder.Camera{
		Connect: r.connect, Pause: pipeline.NewBackoff(r.camera.Reconnect.Min, r.camera.Reconnect.Max).NextAfter,
		OnOpen: func(info video.Info) {
			r.log.Info("source open", "width", info.Width, "height", info.Height, "fps", info.FPS)
		},
		OnLost: func(err error, pause time.Duration) {
			r.log.Warn("camera lost, it is opened again", "error", err, "pause", pause.Round(time.Millisecond))
		},
	})
	r.folder.EndGap(time.Now())
	fmt.Fprintf(stdout, "%s: %s, in %s\n", r.camera.Name, &r.totals, r.dir)
	if err == nil && r.totals.Segments == 0 && ctx.Err() == nil {
		err = fmt.Errorf("%s: nothing came from the camera in %s, of which opening it may take some seconds",
			r.camera.Name, r.length)
	}
	return err
}

func (r *record) connect(ctx context.Context, opened func(video.Info)) error {
	c := r.camera
	trust, err := app.NewTrust(c.Settings)
	if err != nil {
		return err
	}
	return worker.Record(ctx, worker.Options{
		Address: c.Source, Transport: c.Transport, Trust: trust, Follow: c.Follow, OpenTimeout: c.OpenTimeout,
		ReadTimeout: c.ReadTimeout,
		Memory:      int64(c.Memory) << 20, Note: func(text string) {
			r.log.Warn("source", "note", text, errcode.Key, errcode.CameraNote)
		},
	}, r.segment, opened, r.folder)
}

func (r *record) onSegment(s recorder.Segment) {
	r.totals.AddSegment(s)
	r.log.Info("recorded", "file", s.Path, "seconds", s.Duration.Round(time.Millisecond).Seconds(), "frames", s.Frames,
		"bytes", s.Bytes, "complete", s.Complete)
}

func (r *record) onGap(g recorder.Gap) {
	r.totals.AddGap(g)
	r.log.Warn("gap", "from", g.From.UTC().Format(time.RFC3339), "seconds",
		g.Duration.Round(time.Millisecond).Seconds())
}
