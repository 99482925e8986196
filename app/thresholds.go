package app

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"vigil/internal/errcode"
	"vigil/internal/lossy"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
)

// thresholds keeps what the cameras' thresholds have been adapted to in the folder thresholds of the data directory.
type thresholds struct {
	dir    string
	log    *slog.Logger
	queue  *lossy.Queue[*calibrate.Adapted]
	mu     sync.Mutex         // held while a file is written
	logged map[string]float64 // theta of each camera as last logged; of the first measure
	latest map[string]*calibrate.Adapted
	stop   chan struct{}
	done   chan struct{}
}

// openThresholds begins to write what is adapted.
func openThresholds(dataDir string, log *slog.Logger) *thresholds {
	t := &thresholds{
		dir: filepath.Join(dataDir, "thresholds"), log: log,
		queue: lossy.New(func(a, b *calibrate.Adapted) bool { return a.Camera == b.Camera }),
		stop:  make(chan struct{}), done: make(chan struct{}), logged: map[string]float64{},
		latest: map[string]*calibrate.Adapted{},
	}
	go t.run()
	return t
}

func (t *thresholds) path(camera string) string { return filepath.Join(t.dir, camera+".json") }

// follow makes a camera adapt its thresholds, from where an earlier run has left off.
func (t *thresholds) follow(cam *pipeline.Camera) {
	if cam.Uncalibrated != "" {
		return
	}
	saved, err := calibrate.ReadAdapted(t.path(cam.Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.log.Warn("the adapted threshold cannot be read: it begins again with the calibration", "camera", cam.Name,
			"error", err, errcode.Key, errcode.CalibrationNotReadable)
	}
	if cam.Adaptive = calibrate.NewAdaptive(cam.Threshold.Calibration, cam.Detector, saved); cam.Adaptive == nil {
		return
	}
	now := cam.Adaptive.Adapted()
	t.mu.Lock()
	t.logged[cam.Name], t.latest[cam.Name] = now.Measures[0].Theta, now
	t.mu.Unlock()
	if now.Seconds > 0 {
		t.logAdapted(now)
	}
	cam.OnAdapted = func(a *calibrate.Adapted) { t.queue.Put(a, 1) }
}

// keep frees what is remembered of all cameras but these.
func (t *thresholds) keep(cameras []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.logged, func(name string, _ float64) bool { return !slices.Contains(cameras, name) })
	maps.DeleteFunc(t.latest, func(name string, _ *calibrate.Adapted) bool { return !slices.Contains(cameras, name) })
}

// of returns what a camera's thresholds are adapted to, which must not be changed; nil if it is not known.
func (t *thresholds) of(camera string) *calibrate.Adapted {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.latest[camera]
}

// close writes the last state of the cameras, which no longer run, and stops.
func (t *thresholds) close(cameras []pipeline.Camera) {
	for _, cam := range cameras {
		if cam.Adaptive != nil {
			t.queue.Put(cam.Adaptive.Adapted(), 1)
		}
	}
	close(t.stop)
	<-t.done
}

func (t *thresholds) run() {
	defer close(t.done)
	for stopping := false; !stopping; {
		select {
		case <-t.queue.Ready():
		case <-t.stop:
			stopping = true
		}
		for _, a := range t.queue.Take() {
			t.write(a)
		}
	}
}

// save writes the state of a camera that does not run any more.
func (t *thresholds) save(cam pipeline.Camera) {
	if cam.Adaptive != nil {
		t.write(cam.Adaptive.Adapted())
	}
}

func (t *thresholds) write(a *calibrate.Adapted) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.latest[a.Camera] != nil {
		t.latest[a.Camera] = a
	}
	err := os.MkdirAll(t.dir, 0o700)
	if err == nil {
		err = a.Write(t.path(a.Camera))
	}
	if err != nil {
		t.log.Warn("the adapted threshold cannot be stored; a restart would lose what it rests on", "camera", a.Camera,
			"error", errcode.StoreFailing.Default(errcode.Store(err)))
	}
	const notable = 1.1
	theta := a.Measures[0].Theta
	last, known := t.logged[a.Camera]
	if known && math.Abs(math.Log(theta/last)) > math.Log(notable) {
		t.logged[a.Camera] = theta
		t.logAdapted(a)
	}
}

func (t *thresholds) logAdapted(a *calibrate.Adapted) {
	args := []any{
		"camera", a.Camera, "hours_of_normal_video", math.Round(a.Seconds/36) / 100, "alarms_per_day",
		math.Round(100*a.AlarmsExpected) / 100,
	}
	for _, m := range a.Measures {
		args = append(args, "theta_"+string(m.Measure), m.Theta)
	}
	t.log.Info("threshold adapted to normal video", args...)
}
