package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/app"
	"vigil/capture"
	"vigil/capture/source"
	"vigil/config"
	"vigil/internal/names"
	"vigil/pipeline"
	"vigil/video"
)

// recordings are the sources of a batch command and how to score them: replay and calibrate.
type recordings struct {
	configFile, camera, model string
	fps                       float64
	hop, threads              int
	realtime                  bool

	sources  []source.Address
	names    []string // of the sources, in tables and messages
	cameras  []string // likewise, as cameras
	settings config.Camera
	rates    rateLog
	notes    []string // what recordings had to say beside their pictures, and was not printed yet
}

func (r *recordings) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&r.model, "model", "m", "", "weights `file`")
	f.StringVar(&r.camera, "camera", "", "`name` of the camera that the recordings are from")
	f.StringVarP(&r.configFile, "config", "c", "",
		"configuration `file` that has the camera's model, mask, zones, fps and hop")
	f.Float64Var(&r.fps, "fps", 0, "frames a second that the model sees; 0 for every frame")
	f.IntVar(&r.hop, "hop", config.Default().Defaults.Hop, "frames from one clip to the next")
	f.IntVar(&r.threads, "threads", 0, "processor cores for the model; 0 for all")
}

// resolve brings flags and configuration together; a flag that was given wins. Its errors are about usage.
func (r *recordings) resolve(cmd *cobra.Command, args []string) error {
	sources, err := readSources(cmd, args, cmp.Or(r.configFile, config.DefaultFile), r.configFile != "")
	if err != nil {
		return err
	}
	var addresses []source.Address
	for _, s := range sources {
		addresses = append(addresses, s.Address)
		if s.Camera == nil {
			continue
		}
		if r.camera != "" && r.camera != s.Camera.Name {
			return fmt.Errorf("%s and %s: are two cameras, must be one", r.camera, s.Camera.Name)
		}
		r.camera, r.configFile = s.Camera.Name, cmp.Or(r.configFile, config.DefaultFile)
	}
	r.take(addresses)
	r.settings = config.Camera{Settings: config.Default().Defaults}
	if r.configFile != "" {
		if r.camera == "" {
			return errors.New("--camera: which of the configuration's cameras are the recordings from?")
		}
		cfg, camera, err := config.LoadCamera(r.configFile, r.camera)
		if err != nil {
			return err
		}
		r.settings = camera
		r.threads = cmp.Or(r.threads, cfg.Threads)
	}
	flags := cmd.Flags()
	if r.camera != "" {
		if err := alerts.ValidCamera(r.camera); err != nil {
			return fmt.Errorf("--camera: %w", err)
		}
		r.settings.Name = r.camera
	}
	if r.model != "" {
		r.settings.Model = r.model
	}
	if r.settings.Model == "" {
		return errors.New("-m: which weights shall score the recordings?")
	}
	if flags.Changed("fps") || r.configFile == "" {
		r.settings.FPS = r.fps
	}
	if flags.Changed("hop") || r.configFile == "" {
		r.settings.Hop = r.hop
	}
	if r.settings.Hop < 1 {
		return fmt.Errorf("--hop: is %d, must be at least 1", r.settings.Hop)
	}
	if !(r.settings.FPS >= 0 && r.settings.FPS <= 120) {
		return fmt.Errorf("--fps: is %g, must be from 0 to 120", r.settings.FPS)
	}
	if r.threads < 0 {
		return fmt.Errorf("--threads: is %d, must not be negative", r.threads)
	}
	r.settings.Realtime = r.realtime
	return nil
}

// take makes these the sources.
func (r *recordings) take(sources []source.Address) {
	r.sources, r.names, r.cameras = sources, names.Recordings(sources), names.Cameras(sources)
}

// pipelineCamera is the camera that plays the i-th recording; counted sees every frame that is read.
func (r *recordings) pipelineCamera(i int, loaded app.Models, counted func()) (pipeline.Camera, error) {
	s := r.settings
	s.Source = r.sources[i]
	if s.Name == "" {
		s.Name = r.cameras[i]
	}
	cam, err := app.NewCamera(s, loaded)
	if err != nil {
		return cam, err
	}
	// A recording is never shed, whatever its pace: its scores must not depend on the machine.
	cam.Lossless = !cam.Live
	// Nor does it know at what hour it was taken.
	if !cam.Live {
		cam.Armed = nil
	}
	if pictures := cam.Pictures; pictures != nil {
		cam.Pictures = func(ctx context.Context, o pipeline.OpenRequest) (pipeline.PictureSource, error) {
			p, err := pictures(ctx, o)
			if err != nil {
				return nil, err
			}
			return countedPictures{p, counted}, nil
		}
	}
	open := cam.Open
	cam.Open = func(ctx context.Context, firstSeq uint64, opening int) (pipeline.Stream, error) {
		stream, err := open(ctx, firstSeq, opening)
		if err != nil {
			return nil, err
		}
		note := func(text string) {
			if !cam.Live { // else the pipeline logs it
				r.notes = append(r.notes, fmt.Sprintf("%s: %s", r.sources[i], text))
			}
		}
		return countedStream{stream, counted, note}, nil
	}
	return cam, nil
}

// probe opens each source once, so that wrong ones are told before any work is done, and adds up the frames of the
// others; 0 if one does not know. bad has what is wrong with each source, nil for nothing.
func probe(ctx context.Context, sources []source.Address, s config.Settings) (frames int, bad []error, err error) {
	o, err := app.OpenOptions(s)
	if err != nil {
		return 0, nil, err
	}
	bad = make([]error, len(sources))
	unknown := false
	for i, src := range sources {
		stream, err := capture.Open(ctx, src, o)
		if err != nil {
			bad[i] = err
			continue
		}
		n := stream.Info().Frames
		bad[i] = stream.Close()
		unknown = unknown || n == 0
		frames += n
	}
	if unknown {
		frames = 0
	}
	return frames, bad, ctx.Err()
}

// probeGood is probe for those that go on with what is good: a source that is bad is left out with a warning. It is an
// error if all are.
func (r *recordings) probeGood(ctx context.Context, w io.Writer) (frames int, err error) {
	frames, bad, err := probe(ctx, r.sources, r.settings.Settings)
	if err != nil {
		return 0, err
	}
	var good []int
	for i := range r.sources {
		if bad[i] == nil {
			good = append(good, i)
		}
	}
	if len(good) == 0 {
		return 0, errors.Join(bad...)
	}
	for _, err := range bad {
		if err != nil {
			leaveOut(w, err)
		}
	}
	r.sources, r.names, r.cameras = pick(r.sources, good), pick(r.names, good), pick(r.cameras, good)
	return frames, nil
}

// leaveOut warns of a recording that is left out of a command that has others; err names it.
func leaveOut(w io.Writer, err error) { fmt.Fprintf(w, "warning: left out: %v\n", err) }

func pick[T any](of []T, which []int) []T {
	out := make([]T, len(which))
	for i, k := range which {
		out[i] = of[k]
	}
	return out
}

// countedStream tells of each frame that was read.
type countedStream struct {
	pipeline.Stream
	counted func()
	note    func(string) // nil for nobody who wants to know
}

func (s countedStream) Read(ctx context.Context, f *video.Frame) error {
	err := s.Stream.Read(ctx, f)
	if err == nil {
		s.counted()
	}
	return err
}

// Notes are the stream's own.
func (s countedStream) Notes() []string {
	n, ok := s.Stream.(interface{ Notes() []string })
	if !ok {
		return nil
	}
	notes := n.Notes()
	for _, text := range notes {
		if s.note == nil {
			break
		}
		s.note(text)
	}
	return notes
}

// printNotes says what recordings had to say beside their pictures, as that numbers are missing.
func (r *recordings) printNotes(w io.Writer) {
	for _, text := range r.notes {
		fmt.Fprintln(w, text)
	}
	r.notes = nil
}

// countedPictures is countedStream for a camera that a process of its own reads.
type countedPictures struct {
	pipeline.PictureSource
	counted func()
}

func (p countedPictures) Next(ctx context.Context) (video.Picture, error) {
	pic, err := p.PictureSource.Next(ctx)
	if err == nil {
		p.counted()
	}
	return pic, err
}
