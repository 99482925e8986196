package app

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/api"
	"vigil/pipeline"
)

// sampleEvery is the interval over which frames a second are counted.
const sampleEvery = 5 * time.Second

// monitor passes what the cameras publish on to the sinks and to the streams of the API, and remembers each camera's
// latest state and score. It is the pipeline's Publisher.
type monitor struct {
	*Sinks
	switches *switchboard
	live     *api.Hub
	scales   scales
	stats    func() []pipeline.Stats // of the engine; set before a camera is opened

	mu      sync.Mutex
	cameras map[string]*observed
}

// observed is the latest of a camera.
type observed struct {
	status alerts.Status
	score  *alerts.Score
	pauses uint64
	last   pipeline.Stats // of before it was paused
	fps    float64
	frames uint64    // at the time sampled
	at     time.Time // zero before the first sample
}

func newMonitor(sinks *Sinks, switches *switchboard) *monitor {
	return &monitor{Sinks: sinks, switches: switches, live: api.NewHub(), cameras: map[string]*observed{}}
}

// of returns what is known of a camera. m.mu is held.
func (m *monitor) of(camera string) *observed {
	o := m.cameras[camera]
	if o == nil {
		o = &observed{}
		m.cameras[camera] = o
	}
	return o
}

// keep frees what is remembered of all cameras but these. What a removed one publishes late is freed by the next call.
func (m *monitor) keep(cameras []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.cameras, func(name string, _ *observed) bool { return !slices.Contains(cameras, name) })
}

// PublishScore is Sinks.PublishScore.
func (m *monitor) PublishScore(s alerts.Score) error {
	m.mu.Lock()
	m.of(s.Camera).score = &s
	m.mu.Unlock()
	m.streamScore(s)
	return m.Sinks.PublishScore(s)
}

// PublishStatus is Sinks.PublishStatus, except that a camera that was paused has the state paused in place of stopped.
func (m *monitor) PublishStatus(s alerts.Status) error {
	m.mu.Lock()
	o := m.of(s.Camera)
	if set := m.switches.get(s.Camera); set.Paused {
		if o.status.State == alerts.StatePaused && o.status.Detail == pausedWhy(set) {
			m.mu.Unlock()
			return nil // one that waited while the camera ended
		}
		if o.status.State != alerts.StatePaused {
			o.pauses++
			o.status.Wall = time.Now()
		}
		s = alerts.Status{
			Camera: s.Camera, State: alerts.StatePaused, Wall: o.status.Wall, Detail: pausedWhy(set), Count: o.pauses,
		}
	}
	o.status = s
	m.mu.Unlock()
	m.live.PublishState(stateEvent(s))
	return m.Sinks.PublishStatus(s)
}

// paused publishes that a camera is paused. stats are its last counters, nil if they stay.
func (m *monitor) paused(camera string, stats *pipeline.Stats) {
	m.mu.Lock()
	o := m.of(camera)
	o.score, o.fps, o.at = nil, 0, time.Time{}
	if stats != nil {
		o.last = *stats
	}
	m.mu.Unlock()
	if err := m.PublishStatus(alerts.Status{Camera: camera}); err != nil {
		m.log.Debug("state of a camera not sent", "camera", camera, "error", err)
	}
}

// sampleLoop counts frames a second until ctx ends.
func (m *monitor) sampleLoop(ctx context.Context, stats func() []pipeline.Stats) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		m.sample(time.Now(), stats())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// rate returns the frames a second of the latest whole interval, or of the time since the first sample.
func (o *observed) rate(now time.Time, frames uint64) float64 {
	if passed := now.Sub(o.at).Seconds(); o.fps == 0 && !o.at.IsZero() && passed > 0 && frames > o.frames {
		return float64(frames-o.frames) / passed
	}
	return o.fps
}

func (m *monitor) sample(now time.Time, all []pipeline.Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range all {
		o := m.of(s.Camera)
		if passed := now.Sub(o.at).Seconds(); !o.at.IsZero() && passed > 0 && s.Frames >= o.frames {
			o.fps = float64(s.Frames-o.frames) / passed
		}
		o.frames, o.at = s.Frames, now
	}
}
