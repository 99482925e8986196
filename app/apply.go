package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"vigil/alerts"
	"vigil/config"
	"vigil/internal/errcode"
	"vigil/pipeline"
)

// inForceOf is made before the files are used: if one is replaced meanwhile, it differs from what is then found.
func inForceOf(cfg config.Config, named []config.Camera) inForce {
	return inForce{cfg: cfg, named: namesOf(named), digests: digestsOf(namedFiles(cfg))}
}

// inForce is what the running cameras were made of.
type inForce struct {
	cfg     config.Config
	named   []string          // only these cameras are monitored; nil for all
	digests map[string]digest // of the weights and calibrations
}

// plan is a configuration that is built and checked.
type plan struct {
	p       *Preparation
	now     inForce
	file    config.Config   // without cameras that were made at run time
	named   []config.Camera // nil for all
	made    map[string]made
	restart []string // keys that need a restart
}

// lockChanges waits until no other configuration is being taken up, or ctx ends.
func (s *system) lockChanges(ctx context.Context) error {
	select {
	case s.changes <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *system) unlockChanges() { <-s.changes }

// apply makes a configuration that of the running system. Everything is built and checked before anything changes: with
// an error the earlier one goes on. A camera keeps its stream unless what reads it changes; what only decides about its
// clips changes between two of them. Keys that need a restart are named in the log and keep their values.
func (s *system) apply(ctx context.Context, cfg config.Config, named []config.Camera) (changed bool, err error) {
	if err := s.lockChanges(ctx); err != nil {
		return false, err
	}
	defer s.unlockChanges()
	next, err := s.plan(ctx, cfg, named)
	if err != nil || next == nil {
		return false, err
	}
	if len(next.restart) > 0 {
		s.log.Warn("these keys have changed and need a restart; the rest of the configuration is applied",
			"keys", strings.Join(next.restart, ", "), errcode.Key, errcode.ConfigRestart)
	}
	return true, s.enact(next)
}

// plan builds and checks a configuration with the cameras that were made at run time; nil if it is in force. One of
// these that is not monitored now and still cannot be does not prevent it.
func (s *system) plan(ctx context.Context, file config.Config, named []config.Camera) (*plan, error) {
	next := &plan{file: file, named: named, made: s.allMade(), restart: restartKeys(s.start, file)}
	cfg, wrong := s.withMade(file, named, next.made)
	fail := func(name string, err error) error {
		if s.monitored(name) {
			return err
		}
		m := next.made[name]
		m.err = err
		next.made[name] = m
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		if err := fail(name, wrong[name]); err != nil {
			return nil, err
		}
	}
	now := inForceOf(cfg, named)
	s.setLastFiles(now.digests)
	again := false // whether one that could not be built may be now
	for name, m := range next.made {
		again = again || m.err != nil && wrong[name] == nil
	}
	if !again && reflect.DeepEqual(now, s.inForce) {
		s.log.Debug("the configuration is as it was, nothing changes")
		return nil, nil
	}
	cfg.Buffers = s.start.Buffers
	if named != nil {
		cfg.Cameras = slices.DeleteFunc(slices.Clone(cfg.Cameras), func(c config.Camera) bool {
			return !slices.Contains(now.named, c.Name)
		})
	}
	p := prepareCameras(ctx, cfg, next.fileOf(s.file), s.unchangedModels(now.digests), true)
	if len(file.Cameras) == 0 && len(cfg.Cameras) > 0 {
		p.add("cameras", errors.New("none is configured; the file must have at least one, beside those made at run "+
			"time"))
	}
	for i := range p.cameras {
		if err := p.cameras[i].Check(); err != nil {
			p.add("cameras", cameraError{p.cameras[i].Name, "calibration", err})
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, name := range slices.Sorted(maps.Keys(next.made)) {
		if err := p.problemsOf(name, !s.monitored(name)); wrong[name] == nil && err != nil {
			if err := fail(name, err); err != nil {
				return nil, fmt.Errorf("made at run time: %w", err)
			}
			p.drop(name)
		} else if wrong[name] == nil {
			m := next.made[name]
			m.err = nil
			next.made[name] = m
		}
	}
	if err := p.Err(); err != nil {
		return nil, unprepared{err, p.configProblems()}
	}
	next.p, next.now = p, now
	return next, nil
}

// enact makes a plan the configuration of the running system.
func (s *system) enact(next *plan) error {
	s.switches.changing.Lock() // no camera is paused or resumed meanwhile
	defer s.switches.changed()
	if s.sinks.mqtt != nil {
		s.sinks.mqtt.SetCameras(next.names()) // before the first status of a new one
	}
	err := s.swap(next.p)
	s.mu.Lock()
	s.made = next.made
	s.inForce = next.now
	if err != nil {
		s.inForce = inForce{} // so that the next reload tries it again
	}
	s.reloads.Restart = next.restart
	s.mu.Unlock()
	s.base, s.named = next.file, next.named
	return err
}

// fileOf returns the configuration file that a camera is in; "" for one that was made at run time.
func (p *plan) fileOf(file string) func(camera string) string {
	names := namesOf(p.file.Cameras)
	return func(camera string) string {
		if _, is := p.made[camera]; is && !slices.Contains(names, camera) {
			return ""
		}
		return file
	}
}

// names returns the names of all cameras, also of those that failed or are left out.
func (p *plan) names() []string {
	return slices.Compact(slices.Sorted(slices.Values(
		slices.Concat(namesOf(p.file.Cameras), slices.Collect(maps.Keys(p.made))))))
}

// restartKeys returns the keys that are only read at the start and have changed since.
func restartKeys(start, now config.Config) []string {
	var keys []string
	changedKeys(reflect.ValueOf(start), reflect.ValueOf(now), "", &keys)
	return keys
}

func changedKeys(a, b reflect.Value, at string, keys *[]string) {
	for _, f := range config.Fields(a.Type()) {
		key := config.KeyOf(f)
		if at == "" && (key == "cameras" || key == "defaults" || key == "model") {
			continue
		}
		if at != "" {
			key = at + "." + key
		}
		x, y := a.FieldByIndex(f.Index), b.FieldByIndex(f.Index)
		if len(config.Fields(x.Type())) > 0 {
			changedKeys(x, y, key, keys)
		} else if !reflect.DeepEqual(x.Interface(), y.Interface()) {
			*keys = append(*keys, key)
		}
	}
}

// unchangedModels returns the models of the running cameras whose files are as they were.
func (s *system) unchangedModels(now map[string]digest) Models {
	same := Models{}
	for _, c := range s.watched() {
		path := c.config.Model
		if d, isFile := now[path]; !isFile || d != (digest{}) && d == s.inForce.digests[path] {
			same[path] = c.camera.Model
		}
	}
	return same
}

// changeOf is what becomes of a camera.
type changeOf int

const (
	unchanged changeOf = iota
	updated            // between two clips
	replaced           // it leaves and comes back
)

// changed compares a running camera with what it is to be.
func (c *watched) changed(next *watched) changeOf {
	a, b := readBy(c.config), readBy(next.config)
	old, cam := &c.camera, &next.camera
	switch {
	case !reflect.DeepEqual(a, b), old.Model.Hash() != cam.Model.Hash(), old.Model.Name() != cam.Model.Name(),
		old.FPS != cam.FPS:
		return replaced
	case !reflect.DeepEqual(c.config, next.config), old.Uncalibrated != cam.Uncalibrated,
		!reflect.DeepEqual(old.Threshold, cam.Threshold):
		return updated
	}
	return unchanged
}

// readBy returns the settings that a camera is read by. The rest decides about its clips.
func readBy(c config.Camera) config.Camera {
	c.Calibration, c.Threshold, c.Alarms, c.Adapt, c.Untrusted = "", nil, config.Rate{}, false, ""
	c.Zones, c.Detector, c.Armed, c.TimeZone = nil, config.Detector{}, nil, config.TimeZone{}
	return c
}

// swap makes prepared cameras those of the system. Switches must not change meanwhile.
func (s *system) swap(p *Preparation) error {
	before := map[string]*watched{}
	for _, c := range s.watched() {
		before[c.config.Name] = &c
	}
	s.ring = p.memory.Ring
	var wrong []error
	next := make([]*watched, len(p.cameras))
	changes := map[string]changeOf{}
	count := map[string]int{}
	present := map[string]bool{}
	for _, of := range s.engine.Stats() {
		present[of.Camera] = true
	}
	for i := range p.cameras {
		next[i] = &watched{p.configs[i], p.cameras[i]}
		name := p.configs[i].Name
		if old := before[name]; old != nil {
			if changes[name] = old.changed(next[i]); !present[name] && !s.switches.paused(name) {
				changes[name] = replaced // it could not be added
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, stays := changes[name]; stays {
			continue
		}
		stats, err := s.remove(before[name])
		wrong = append(wrong, err)
		count["removed"]++
		s.log.Info("camera removed", "camera", name, "frames", stats.Frames, "scored", stats.Scored,
			"dropped", stats.Dropped)
	}
	s.engine.SetClipMemory(p.memory.Clips) // with fewer cameras it may be less than those that have left had
	for i, c := range next {
		name := c.config.Name
		old, what := before[name], changes[name]
		switch {
		case old != nil && what == unchanged:
			next[i] = old
			resizeMedia(old, s.ring)
		case old != nil && what == updated:
			count["updated"]++
			c.camera.Media, c.camera.Pictures = old.camera.Media, old.camera.Pictures
			resizeMedia(c, s.ring)
			s.adaptAgain(old, c)
			wrong = append(wrong, s.update(c))
		default:
			if old == nil {
				count["added"]++
			} else {
				count["replaced"]++
				_, err := s.remove(old)
				wrong = append(wrong, err)
			}
			keepMedia(&c.camera, c.config, s.ring)
			if c.config.Adapt {
				s.adapted.follow(&c.camera)
			}
			wrong = append(wrong, s.add(c))
		}
	}
	s.mu.Lock()
	s.cameras = next
	s.mu.Unlock()
	names := namesOf(p.configs)
	s.monitor.keep(names)
	s.switches.keep(names)
	s.adapted.keep(names)
	s.log.Info("a new configuration is in force", "cameras", len(next), "added", count["added"],
		"removed", count["removed"], "replaced", count["replaced"], "updated", count["updated"])
	return errors.Join(wrong...)
}

func (s *system) inEngine(name string) bool {
	return slices.ContainsFunc(s.engine.Stats(), func(of pipeline.Stats) bool { return of.Camera == name })
}

// remove takes a camera out of the engine, unless it is paused.
func (s *system) remove(c *watched) (pipeline.Stats, error) {
	stats, err := s.engine.Remove(c.config.Name, alerts.EndReconfigured)
	s.adapted.save(c.camera)
	if errors.Is(err, pipeline.ErrNoCamera) {
		err = nil
	}
	return stats, err
}

// add adds a camera that is not paused to the engine.
func (s *system) add(c *watched) error {
	logThreshold(s.log, c.camera, c.config)
	s.switches.follow(&c.camera)
	if s.sinks.mqtt != nil {
		s.sinks.mqtt.Switches(s.switches.get(c.config.Name))
	}
	if s.switches.paused(c.config.Name) {
		s.monitor.paused(c.config.Name, nil)
		return nil
	}
	return s.engine.Add(c.camera)
}

// update gives a camera its new settings, unless it is paused.
func (s *system) update(c *watched) error {
	logThreshold(s.log, c.camera, c.config)
	s.switches.follow(&c.camera)
	if err := s.engine.Update(c.camera); err != nil && !errors.Is(err, pipeline.ErrNoCamera) {
		return err
	}
	return nil
}

// adaptAgain makes a camera whose settings have changed adapt its threshold: as before if what it rests on is the same,
// else from what was saved.
func (s *system) adaptAgain(old, next *watched) {
	switch {
	case !next.config.Adapt || next.camera.Uncalibrated != "":
	case old.camera.Adaptive != nil && old.camera.Uncalibrated == "" && old.camera.Detector == next.camera.Detector &&
		reflect.DeepEqual(old.camera.Threshold, next.camera.Threshold):
		next.camera.Adaptive, next.camera.OnAdapted = old.camera.Adaptive, old.camera.OnAdapted
	default:
		s.adapted.follow(&next.camera)
	}
}

// resizeMedia gives a camera's rings of pictures their share of the memory.
func resizeMedia(c *watched, ring int) {
	if c.camera.Media != nil {
		c.camera.Media.Resize(min(c.config.Footage.Memory<<20, ring))
	}
}

// namesOf returns the names of cameras; nil for nil.
func namesOf(cameras []config.Camera) []string {
	var names []string
	for _, c := range cameras {
		names = append(names, c.Name)
	}
	return names
}
