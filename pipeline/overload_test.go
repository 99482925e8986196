package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/pipeline/detect"
	"vigil/video"
)

// meteredSource is a scriptedSource that can be paused, and uses processor time while it is not.
type meteredSource struct {
	*scriptedSource
	load   float64
	mu     sync.Mutex
	paused bool
	since  time.Time // of the last change of paused
	took   time.Duration
}

func (c *meteredSource) Pause(paused bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count()
	c.paused = paused
	return nil
}

func (c *meteredSource) CPU() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count()
	return c.took
}

func (c *meteredSource) count() {
	if now := time.Now(); c.since.IsZero() || c.paused {
		c.since = now
	} else {
		c.took += time.Duration(c.load * float64(now.Sub(c.since)))
		c.since = now
	}
}

func (c *meteredSource) isPaused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paused
}

func (c *meteredSource) Next(ctx context.Context) (video.Picture, error) {
	for {
		p, err := c.scriptedSource.Next(ctx)
		if err != nil || !c.isPaused() {
			return p, err
		}
		c.seq = p.Seq // discarded pictures have no number
	}
}

// TestOverload has six cameras on a machine that decodes six and scores the clips of two: three are read at a time, in
// turn, and every one gets its share. Pauses neither end an open event nor raise a second one. They stop when the load
// does.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cameras, part, clip = 6, 0.1, 100 * time.Millisecond
		var log bytes.Buffer
		l := &recorder{}
		var busy atomic.Bool
		var sources [cameras]atomic.Pointer[meteredSource]
		var own atomic.Int64
		busy.Store(true)
		var cams []Camera
		for i := range cameras {
			cam := camera(t, fmt.Sprintf("c%d", i), fakeStream{})
			p := &scriptedCamera{side: cam.Model.Spec().Side, steps: []scriptStep{
				{lasts: 150 * time.Second, fps: 10, grey: calmGrey},
				{lasts: minute, fps: 10, grey: brightGrey},
				{lasts: 10 * minute, fps: 10, grey: calmGrey},
			}}
			cam.Pictures = func(ctx context.Context, o OpenRequest) (PictureSource, error) {
				s, err := p.open(ctx, o)
				c := &meteredSource{scriptedSource: s.(*scriptedSource), load: part}
				sources[i].Store(c)
				return c, err
			}
			cam.Live, cam.Lossless, cam.Hop, cam.PartialClips, cam.NoClipsAfter, cam.FrozenAfter = true, false, 2, true,
				5*time.Second, 5*time.Second
			cam.Threshold = calibrated(cam, 10)
			cams = append(cams, cam)
		}
		first := cams[0].Model
		for i := range cams {
			cams[i].Model = first // one scorer
		}
		ctx, cancel := context.WithTimeout(t.Context(), 8*minute)
		defer cancel()
		time.AfterFunc(5*minute, func() { busy.Store(false) })
		began := time.Now()
		scored := map[string]int{} // during overload
		stats, err := Run(ctx, cams, Options{
			Threads: 1, Publisher: l, Log: slog.New(slog.NewTextHandler(&log, nil)), Summary: time.Minute,
			OnClip: func(c detect.Clip) {
				if busy.Load() {
					scored[c.Camera]++
					time.Sleep(clip)
					own.Add(int64(clip * 4 / 10))
				}
			},
			machine: func() machineTime {
				m := machineTime{own: time.Duration(own.Load()), cores: 1, ok: true}
				m.idle = time.Since(began) - m.own
				for i := range sources {
					if s := sources[i].Load(); s != nil {
						m.idle -= s.CPU()
					}
				}
				return m
			},
		})
		if err != nil {
			t.Error(err)
		}
		var pauses uint64
		mean := 0.0
		for _, n := range scored {
			mean += float64(n) / cameras
		}
		for _, s := range stats {
			checkSums(t, s)
			pauses += s.Paused
			if n := float64(scored[s.Camera]); n < 0.75*mean || n > 1.25*mean {
				t.Errorf("%s: %g clips scored, the mean is %g", s.Camera, n, mean)
			}
			if s.Missing != 0 || s.Failures != 0 || s.States[alerts.StateNoClips] != 0 ||
				s.States[alerts.StateStalled] != 0 {
				t.Errorf("%s: a pause counts as a fault: %+v", s.Camera, s)
			}
			if s.State != alerts.StateStopped || s.States[alerts.StatePausedOverload] == 0 || s.Events != 1 {
				t.Errorf("%s: %d events, states %v", s.Camera, s.Events, s.States)
			}
		}
		// Three of six cameras are paused every ten seconds, from 20 s to 5 minutes, and until it is known that they
		// fit again.
		if pauses < 3*27 || pauses > 3*34 {
			t.Errorf("%d pauses", pauses)
		}
		for part, want := range map[string]int{
			"overload: these cameras are too many": 1, "the cameras fit again": 1, "read_at_a_time=3": 1,
			"would_fit=\"3 such cameras": 1,
			"camera is live again":       0, "level=WARN": 1,
		} {
			if n := strings.Count(log.String(), part); n != want {
				t.Errorf("%d times %q in the log, want %d", n, part, want)
			}
		}
		if !strings.Contains(log.String(), "paused=2") {
			t.Error("the summary does not count pauses")
		}
		if t.Failed() {
			t.Log(log.String()[:min(log.Len(), 6000)])
		}
	})
}
