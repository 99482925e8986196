package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/api/socket"
	"vigil/config"
	"vigil/internal/errcode"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
)

// system is a running vigil: its cameras, of which those that are not paused are in the engine.
type system struct {
	log      *slog.Logger
	started  time.Time
	sinks    *Sinks
	monitor  *monitor
	switches *switchboard
	engine   *pipeline.Engine
	adapted  *thresholds
	ring     int                                            // bytes of a camera's rings of pictures
	ended    chan struct{}                                  // capacity 1: the last recording may have ended
	start    config.Config                                  // as of the start
	file     string                                         // of the configuration; "" for sources of the command line
	load     func() (config.Config, []config.Camera, error) // reads file; nil without one
	access   *accessPoint
	store    cameraStore     // nil if it could not be opened: no camera can be made at run time
	changes  chan struct{}   // capacity 1: full while a configuration is being taken up
	edited   chan struct{}   // capacity 1: a camera was made, changed or removed at run time
	base     config.Config   // the file's in force; read and written while changes is full
	named    []config.Camera // the same

	mu        sync.Mutex
	inForce   inForce         // written while changes is full
	lastFiles []string        // files of the configuration that was taken up last, or could not be
	made      map[string]made // the cameras that were made at run time, by name
	cameras   []*watched      // that are configured, in their order
	reloads   Reloads
}

// newSystem returns a system without an engine.
func newSystem(ctx context.Context, p *Preparation, sinks *Sinks, log *slog.Logger) *system {
	s := &system{
		log: log, started: time.Now(), sinks: sinks, switches: sinks.openSwitches(ctx, log), ring: p.memory.Ring,
		ended: make(chan struct{}, 1), changes: make(chan struct{}, 1), edited: make(chan struct{}, 1),
	}
	s.switches.onChanged = s.checkEnd
	s.monitor = newMonitor(sinks, s.switches)
	for i, c := range p.configs {
		s.cameras = append(s.cameras, &watched{c, p.cameras[i]})
	}
	return s
}

// checkEnd makes wait look whether every recording has ended.
func (s *system) checkEnd() {
	select {
	case s.ended <- struct{}{}:
	default:
	}
}

// wait returns when ctx ends or when every camera is a recording that has ended. One that is paused has not.
func (s *system) wait(ctx context.Context) {
	for {
		select {
		case <-s.ended:
		case <-ctx.Done():
			return
		}
		if s.allEnded() {
			return
		}
	}
}

func (s *system) allEnded() bool {
	if !s.switches.changing.TryLock() {
		return false // between a camera's leaving and coming back nothing has ended; changed asks again
	}
	defer s.switches.changing.Unlock()
	return s.engine.Ended() && len(s.engine.Stats()) == len(s.watched())
}

// watched is a configured camera. While it is paused, camera is what it begins with again.
type watched struct {
	config config.Camera
	camera pipeline.Camera
}

// watched returns the configured cameras.
func (s *system) watched() []watched {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]watched, len(s.cameras))
	for i, c := range s.cameras {
		all[i] = *c
	}
	return all
}

func (s *system) find(name string) *watched {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.cameras, func(c *watched) bool { return c.config.Name == name }); i >= 0 {
		return s.cameras[i]
	}
	return nil
}

// open adds the cameras that are not paused to the engine.
func (s *system) open() error {
	s.switches.configured = func(name string) bool { return s.find(name) != nil }
	s.switches.logStored()
	for _, c := range s.cameras {
		s.switches.follow(&c.camera)
		set := s.switches.get(c.config.Name)
		if s.sinks.mqtt != nil {
			s.sinks.mqtt.Switches(set)
		}
		if set.Paused {
			s.monitor.paused(c.config.Name, nil)
			continue
		}
		if err := s.engine.Add(c.camera); err != nil {
			return err
		}
	}
	return nil
}

// serve ends switches in time, executes commands of MQTT and answers at the control socket until the returned function
// is called.
func (s *system) serve(ctx context.Context, dataDir string, h http.Handler) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	s.switches.onChange = s.onSwitched
	work.Go(func() { s.switches.run(ctx) })
	work.Go(func() { s.monitor.sampleLoop(ctx, s.engine.Stats) })
	overMQTT := switchFunc(func(ctx context.Context, camera string, change alerts.SwitchChange) error {
		_, err := s.Switch(ctx, camera, change, "mqtt")
		return err
	})
	s.sinks.onSwitch.Store(&overMQTT)
	var server *socket.Server
	if l, err := socket.Listen(ctx, dataDir); err != nil {
		s.log.Warn("'vigil status' and 'vigil camera' do not reach this vigil", "error", err,
			errcode.Key, errcode.ServerControl)
	} else {
		server = socket.Serve(l, h, s.log)
	}
	return func() {
		s.sinks.onSwitch.Store(nil)
		cancel()
		if server != nil {
			if err := server.Close(); err != nil {
				s.log.Debug("control socket not closed", "error", err)
			}
		}
		work.Wait()
	}
}

// onSwitched makes a change of a camera's switches effective.
func (s *system) onSwitched(before, now alerts.Switches) {
	if c := s.find(now.Camera); c != nil && before.Paused != now.Paused {
		if now.Paused {
			s.pause(c)
		} else {
			s.resume(c)
		}
	} else if c != nil && now.Paused {
		s.monitor.paused(now.Camera, nil) // its end has changed
	}
	if s.sinks.mqtt != nil {
		s.sinks.mqtt.Switches(now)
	}
}

// pause closes a camera.
func (s *system) pause(c *watched) {
	stats, err := s.engine.Remove(c.config.Name, alerts.EndPaused)
	switch {
	case errors.Is(err, pipeline.ErrClosed):
	case err != nil: // it was not open
		s.monitor.paused(c.config.Name, nil)
	default:
		s.monitor.paused(c.config.Name, &stats)
	}
}

// resume opens a camera again, with nothing of its earlier stream but the adapted threshold.
func (s *system) resume(c *watched) {
	if s.inEngine(c.config.Name) {
		return // a new configuration was taken up when the pause had just ended
	}
	again := c.camera
	keepMedia(&again, c.config, s.ring)
	if again.Adaptive != nil {
		again.Adaptive = calibrate.NewAdaptive(again.Threshold.Calibration, again.Detector, again.Adaptive.Adapted())
	}
	switch err := s.engine.Add(again); {
	case errors.Is(err, pipeline.ErrClosed):
	case err != nil:
		s.log.Error("a resumed camera cannot be opened", "camera", c.config.Name,
			"error", errcode.CameraFailed.Default(err))
	default:
		s.mu.Lock()
		c.camera = again
		s.mu.Unlock()
	}
}

// close ends the cameras.
func (s *system) close(adapted *thresholds) error {
	err := s.engine.Close()
	var cameras []pipeline.Camera
	for _, c := range s.watched() {
		cameras = append(cameras, c.camera)
	}
	adapted.close(cameras)
	return err
}
