package pipeline

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/geometry"
	"vigil/internal/cameratest"
	"vigil/internal/leaktest"
	"vigil/model"
	"vigil/pipeline/detect"
)

// randomCamera are the settings of a camera in a random configuration.
type randomCamera struct {
	source, hop, model, fps, mask int // whose change makes it leave and come back
	theta, zones, armed, detector int // whose change it takes between two clips
}

// stays reports whether a change from one to the other leaves the source open.
func (c randomCamera) stays(next randomCamera) bool {
	c.theta, c.zones, c.armed, c.detector = next.theta, next.zones, next.armed, next.detector
	return c == next
}

// countedStream is a fakeStream that counts what is open.
type countedStream struct {
	fakeStream
	open *atomic.Int64
}

func (s *countedStream) Close() error {
	s.open.Add(-1)
	return s.fakeStream.Close()
}

// randomChanges takes an engine through random configurations.
type randomChanges struct {
	*testing.T
	rng    *rand.Rand
	models []*model.Model
	open   atomic.Int64
	l      recorder
	e      *Engine
	now    map[string]randomCamera
	since  map[string]time.Time // when the camera was added
}

func (r *randomChanges) camera(name string, c randomCamera) Camera {
	cam := camera(r.T, name)
	cam.Model, cam.Live, cam.Lossless, cam.Hop, cam.PartialClips = r.models[c.model], true, false, 4+4*c.hop, true
	cam.FPS = []float64{0, 5}[c.fps]
	if c.mask > 0 {
		cam.Mask = []geometry.Polygon{{{X: 0, Y: 0}, {X: 0.2, Y: 0}, {X: 0, Y: 0.2}}}
	}
	cam.Threshold.Theta = 0.1 * float64(1+c.theta)
	cam.Zones = slices.Repeat([]detect.Zone{{Name: "door"}}, c.zones)
	cam.Detector.CloseAfter = time.Duration(1+c.detector) * time.Second
	if c.armed > 0 {
		cam.Armed = func(at time.Time) bool { return at.Second()%20 < 15 }
	}
	greys := slices.Repeat(scene(20+10*c.source, 15, 10), 100)
	cam.Open = func(_ context.Context, firstSeq uint64, generation int) (Stream, error) {
		r.open.Add(1)
		return &countedStream{
			fakeStream{greys: greys, live: true, firstSeq: firstSeq, generation: generation},
			&r.open,
		}, nil
	}
	return cam
}

// next returns a configuration that differs from the present one here and there.
func (r *randomChanges) next(names []string) map[string]randomCamera {
	next := maps.Clone(r.now)
	for _, name := range names {
		c, there := next[name]
		switch {
		case !there && r.rng.IntN(2) == 0:
			c = randomCamera{source: r.rng.IntN(2), hop: r.rng.IntN(2), model: r.rng.IntN(2)}
		case !there:
			continue
		case r.rng.IntN(6) == 0:
			delete(next, name)
			continue
		default:
			fields := []*int{
				&c.source, &c.hop, &c.model, &c.fps, &c.mask, &c.theta, &c.zones, &c.armed, &c.detector,
				new(int), new(int), new(int), new(int), // nothing
			}
			f := fields[r.rng.IntN(len(fields))]
			*f = 1 - *f
		}
		next[name] = c
	}
	return next
}

// apply makes a configuration that of the engine.
func (r *randomChanges) apply(next map[string]randomCamera) {
	must := func(err error) {
		if err != nil {
			r.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.now)) {
		before := r.now[name]
		after, stays := next[name]
		switch {
		case !stays || !before.stays(after):
			got, err := r.e.Remove(name, alerts.EndReconfigured)
			must(err)
			r.check(got, true)
			delete(r.since, name)
		case before != after:
			must(r.e.Update(r.camera(name, after)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(next)) {
		if r.since[name].IsZero() {
			must(r.e.Add(r.camera(name, next[name])))
			r.since[name] = time.Now()
		}
	}
	r.now = next
}

// check checks that a camera has lost nothing since it was added, but what was pending if it was removed.
func (r *randomChanges) check(s Stats, removed bool) {
	r.Helper()
	var dropped uint64
	if removed {
		checkSums(r.T, s)
		dropped = 1
	}
	want := uint64(time.Since(r.since[s.Camera]) / (100 * time.Millisecond))
	if s.Frames > want+1 || s.Frames+1 < want || s.Missing+s.Gaps+s.Skipped+s.Unscorable+s.Failures != 0 ||
		s.Openings != 1 || s.Dropped > dropped {
		r.Errorf("after %v: %+v", time.Since(r.since[s.Camera]), s)
	}
}

// TestRandomChanges takes cameras through random configurations while a scorer is at work: those that a change leaves
// open lose no frame and no clip, every event that starts ends once, and no goroutine, source or model is left.
func TestRandomChanges(t *testing.T) {
	runs, seed := 3, rand.Uint64()
	if os.Getenv("VIGIL_LONG") != "" {
		runs = 200
	}
	if v, err := strconv.ParseUint(os.Getenv("VIGIL_SEED"), 10, 64); err == nil {
		seed = v
	}
	models := []*model.Model{cameratest.ZeroModel(t, 0), cameratest.ZeroModel(t, 4)}
	events := 0
	for i := range uint64(runs) { //nolint:gosec // not negative
		leaktest.None(t, func() {
			synctest.Test(t, func(t *testing.T) {
				r := &randomChanges{
					T: t, rng: rand.New(rand.NewPCG(seed, i)), models: models, //nolint:gosec // need not be secret
					now: map[string]randomCamera{}, since: map[string]time.Time{},
				}
				r.e = NewEngine(t.Context(), Options{Threads: 1, Publisher: &r.l, OnClip: func(detect.Clip) {
					time.Sleep(10 * time.Millisecond)
				}})
				for range 8 {
					r.apply(r.next([]string{"a", "b", "c", "d", "e"}))
					time.Sleep(time.Duration(500+r.rng.IntN(7000)) * time.Millisecond)
					for _, s := range r.e.Stats() {
						r.check(s, false)
					}
				}
				r.apply(nil)
				synctest.Wait()
				if n := r.open.Load(); n != 0 || len(r.e.batches)+len(r.e.box.slots) != 0 || r.e.box.bytes != 0 {
					t.Errorf("left: %d sources, %d models, %d slots with %d bytes", n, len(r.e.batches),
						len(r.e.box.slots), r.e.box.bytes)
				}
				if err := r.e.Close(); err != nil {
					t.Error(err)
				}
				events += strings.Count(r.l.eventPhases(t), "start")
			})
		})
		if t.Failed() {
			t.Fatalf("VIGIL_SEED=%d, run %d", seed, i)
		}
	}
	if events < 2*runs {
		t.Errorf("%d events in %d runs: the test covers too little", events, runs)
	}
}
