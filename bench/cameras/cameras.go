// Package cameras measures how many cameras a machine can monitor, by monitoring more and more of them.
package cameras

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/bench"
	"vigil/capture/source"
	"vigil/internal/output"
	"vigil/model"
	"vigil/pipeline"
)

// Load is the number of cameras of a kind that this machine can monitor with a preset, and their work.
type Load struct {
	Preset  string  `json:"preset"`
	Width   int     `json:"width"`
	Height  int     `json:"height"`
	FPS     float64 `json:"fps"`
	Hop     int     `json:"hop"`
	Cameras int     `json:"cameras"` // the most that were watched without a clip skipped; 0 for none
	Skipped int     `json:"more"`    // the least of which clips were skipped; 0 where that was not tried
	// Decode, Shrink, Previews and Model are shares of the work of one such camera; they add up to 1.
	Decode   float64 `json:"decode"`
	Shrink   float64 `json:"shrink"`
	Previews float64 `json:"previews"`
	Model    float64 `json:"model"`
}

// Loads are the measured loads.
type Loads []Load

// first names the largest share, which is the first bottleneck.
func (l *Load) first() string {
	name, most := "model", l.Model
	for n, v := range map[string]float64{"decode": l.Decode, "resize": l.Shrink, "previews": l.Previews} {
		if v > most {
			name, most = n, v
		}
	}
	return name
}

var (
	loadSizes = [][2]int{{640, 360}, {1920, 1080}}
	loadRates = []float64{10, 25}
)

const (
	// loadShare is what is tried first of what a camera's work alone would allow: sending, the pipes and the system
	// take the rest.
	loadShare = 0.75
	// loadLimit is the most cameras that are tried at a time.
	loadLimit = 200
	// loadSettle is how long cameras run before skipped clips count: they all start at once.
	loadSettle = 4 * time.Second
)

// Options configure the measurement.
type Options struct {
	Presets  []string      // networks, with random weights
	Period   time.Duration // for which each number of cameras is watched
	Seed     uint64        // of the weights
	Hop      int
	Keep     time.Duration // of previews
	Memory   int           // of previews of one camera, in bytes
	RetryMin time.Duration // pauses before a camera is opened again
	RetryMax time.Duration
	// Open opens a live camera in a process of its own, with previews for media.
	Open func(name string, address source.Address, side int, media *pipeline.MediaBuffer) func(context.Context,
		pipeline.OpenRequest) (pipeline.PictureSource, error)
	Progress func(string)
}

// Measure measures how many cameras this machine can monitor. They are real ones: H.264 over HTTP at its own pace, each
// in its process, with previews, scored by the preset. The work of one determines the first number.
func Measure(ctx context.Context, o Options) (loads Loads, err error) {
	dir, remove, err := output.TempDir("", "vigil-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	for _, size := range loadSizes {
		for _, fps := range loadRates {
			o.Progress(fmt.Sprintf("a video of %dx%d at %g frames a second", size[0], size[1], fps))
			video, err := newLoadVideo(dir, size[0], size[1], fps)
			if err != nil {
				return loads, err
			}
			for _, name := range o.Presets {
				m, err := randomModel(name, o.Seed)
				if err != nil {
					return loads, err
				}
				l, err := video.measure(ctx, m, name, o)
				if err != nil {
					return loads, errors.Join(err, video.close())
				}
				loads = append(loads, l)
			}
			if err := video.close(); err != nil {
				return loads, err
			}
		}
	}
	return loads, nil
}

func randomModel(preset string, seed uint64) (*model.Model, error) {
	spec, err := model.FindPreset(preset)
	if err != nil {
		return nil, err
	}
	w, err := bench.RandomWeights(spec, seed)
	if err != nil {
		return nil, err
	}
	return model.New(w)
}

func (v *loadVideo) measure(ctx context.Context, m *model.Model, preset string, o Options) (Load, error) {
	l := Load{Preset: preset, Width: v.width, Height: v.height, FPS: v.fps, Hop: o.Hop}
	side := m.Spec().Side
	bare, err := v.frameCost(ctx, side, false)
	if err != nil {
		return l, err
	}
	full, err := v.frameCost(ctx, side, true)
	if err != nil {
		return l, err
	}
	full = max(full, bare)
	shrink := min(bare, v.shrinkCost(side))
	clip := pipeline.EstimateCapacity(ctx, []pipeline.Camera{{Model: m, Hop: o.Hop, FPS: v.fps}}, 0,
		v.fps).Clip.Seconds() * float64(runtime.GOMAXPROCS(0))
	scoring := clip / float64(o.Hop)
	all := full + scoring // processor seconds a frame
	l.Decode, l.Shrink, l.Previews, l.Model = (bare-shrink)/all, shrink/all, (full-bare)/all, scoring/all
	n := min(loadLimit, max(1, int(loadShare*float64(runtime.GOMAXPROCS(0))/(all*v.fps))))
	for range loadTries {
		o.Progress(fmt.Sprintf("%d cameras of %dx%d at %g frames a second, preset %s", n, v.width, v.height,
			v.fps, preset))
		skipped, err := v.watch(ctx, m, n, o)
		if err != nil {
			return l, err
		}
		if skipped == 0 {
			l.Cameras = n
		} else {
			l.Skipped = n
		}
		if n = l.next(); n == 0 {
			break
		}
	}
	return l, nil
}

// loadTries bounds how many numbers of cameras are tried: a busy machine has no clear limit.
const loadTries = 8

// next is the number of cameras to try, between what was too many and what was not, or 0 where they are near enough.
func (l *Load) next() int {
	switch {
	case l.Skipped == 0 && l.Cameras >= loadLimit:
		return 0
	case l.Skipped == 0:
		return min(loadLimit, l.Cameras+max(1, l.Cameras/4))
	case l.Skipped-l.Cameras <= max(1, l.Cameras/10):
		return 0
	case l.Cameras == 0:
		return l.Skipped * 3 / 4
	}
	return (l.Cameras + l.Skipped) / 2
}

// watch runs so many cameras and counts the clips skipped after they have settled.
func (v *loadVideo) watch(ctx context.Context, m *model.Model, n int, o Options) (uint64, error) {
	counter := &skipCounter{live: map[string]bool{}, skipped: map[string]uint64{}, all: n, ready: make(chan struct{})}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var cameras []pipeline.Camera
	for i := range n {
		name, media := fmt.Sprintf("camera-%d", i), pipeline.NewMediaBuffer(o.Keep, o.Memory)
		cameras = append(cameras, pipeline.Camera{
			Name: name, Live: true, Model: m, Hop: o.Hop, Media: media,
			Pictures: o.Open(name, v.address, m.Spec().Side, media), RetryMin: o.RetryMin, RetryMax: o.RetryMax,
		})
	}
	var running sync.WaitGroup
	var runErr error
	running.Go(func() {
		_, runErr = pipeline.Run(ctx, cameras, pipeline.Options{Publisher: counter, Log: slog.New(slog.DiscardHandler)})
	})
	defer running.Wait()
	defer stop()
	wait := func(d time.Duration) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
	select {
	case <-counter.ready:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(2 * time.Minute):
		return uint64(n), nil // Not all cameras went live.
	}
	if err := wait(loadSettle); err != nil {
		return 0, err
	}
	before := counter.sum()
	if err := wait(o.Period); err != nil {
		return 0, err
	}
	after := counter.sum()
	stop()
	running.Wait()
	return after - before, runErr
}

// skipCounter is a publisher that only counts.
type skipCounter struct {
	mu      sync.Mutex
	live    map[string]bool
	skipped map[string]uint64
	all     int
	ready   chan struct{}
}

// Publish does nothing.
func (*skipCounter) Publish(context.Context, alerts.Alert) error { return nil }

// PublishScore notes how many clips were skipped.
func (s *skipCounter) PublishScore(score alerts.Score) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skipped[score.Camera] = max(s.skipped[score.Camera], score.ClipsSkipped)
	return nil
}

// PublishStatus notes which cameras are live.
func (s *skipCounter) PublishStatus(st alerts.Status) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.State == alerts.StateLive && !s.live[st.Camera] {
		s.live[st.Camera] = true
		if len(s.live) == s.all {
			close(s.ready)
		}
	}
	return nil
}

func (s *skipCounter) sum() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n uint64
	for _, v := range s.skipped {
		n += v
	}
	return n
}

// Print prints a table.
func (loads Loads) Print(w io.Writer) error {
	slices.SortStableFunc(loads,
		func(a, b Load) int { return cmp.Or(cmp.Compare(a.Width, b.Width), cmp.Compare(a.FPS, b.FPS)) })
	if _, err := fmt.Fprintln(w,
		"| camera | preset | without a clip skipped | with | decode | resize | previews | model | gives out first "+
			"|\n|---|---|---|---|---|---|---|---|---|"); err != nil {
		return err
	}
	for _, l := range loads {
		more := "–"
		if l.Skipped > 0 {
			more = fmt.Sprint(l.Skipped)
		}
		if _, err := fmt.Fprintf(w,
			"| %dx%d, %g fps, hop %d | %s | %d | %s | %.0f %% | %.0f %% | %.0f %% | %.0f %% | %s |\n", l.Width,
			l.Height, l.FPS, l.Hop, l.Preset,
			l.Cameras, more, 100*l.Decode, 100*l.Shrink, 100*l.Previews, 100*l.Model, l.first()); err != nil {
			return err
		}
	}
	return nil
}
