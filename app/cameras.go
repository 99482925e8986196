package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vigil/alerts"
	"vigil/alerts/cameras"
	"vigil/api"
	"vigil/config"
	"vigil/internal/errcode"
)

// cameraStore keeps the cameras that are made at run time; cameras.Store implements it.
type cameraStore interface {
	Put(ctx context.Context, e cameras.Entry) (revision uint64, err error)
	Remove(ctx context.Context, e cameras.Entry) error
	Find(ctx context.Context, camera string) (cameras.Entry, error)
	History(ctx context.Context, camera string) ([]cameras.Entry, error)
}

// made is a camera that was made at run time.
type made struct {
	entry    cameras.Entry
	document config.CameraDocument
	err      error // why it is not monitored; nil if it is
}

// newMade reads an entry.
func newMade(e cameras.Entry) made {
	m := made{entry: e, err: e.Err}
	if m.err == nil {
		m.document, m.err = config.ParseCamera(e.Camera, e.Settings)
		m.document.Source = config.NewSecret(e.Source.Reveal())
	}
	if m.err != nil {
		m.err = errcode.StoreCameras.Default(m.err)
	}
	return m
}

// openCameras reads the cameras of the outbox's server. What cannot be read is logged: those of the file are monitored
// all the same.
func (d *Sinks) openCameras(ctx context.Context, dataDir string, log *slog.Logger) (cameraStore, map[string]made) {
	all := map[string]made{}
	store, err := cameras.Open(ctx, d.Conn().JetStream(), dataDir)
	if err != nil {
		log.Error("ALARM: the cameras that were made at run time cannot be read and are not monitored",
			"error", errcode.StoreCameras.Default(err))
		return nil, all
	}
	entries, err := store.Load(ctx)
	if err != nil {
		log.Error("ALARM: the cameras that were made at run time cannot be read and are not monitored",
			"error", errcode.StoreCameras.Default(err))
		return nil, all
	}
	for _, e := range entries {
		if err := alerts.ValidCamera(e.Camera); err != nil {
			log.Error("an entry of the cameras cannot be used and is ignored", "key", e.Camera, "error", err,
				errcode.Key, errcode.StoreCameras)
			continue
		}
		all[e.Camera] = newMade(e)
	}
	return store, all
}

// twice is the error of a name that the file and a camera made at run time have.
func (s *system) twice(m made) error {
	return errcode.CameraTwice.Wrap(fmt.Errorf("camera %s is in %s, and was made at run time as well (%s by %s at "+
		"%s); name the one of the file otherwise, or remove the other one: 'vigil camera remove %s'", m.entry.Camera, s.file,
		m.entry.Change, m.entry.By, m.entry.At.UTC().Format(time.RFC3339), m.entry.Camera))
}

// errNamedOnly is why a vigil that monitors named cameras only leaves the others out.
var errNamedOnly = errors.New("vigil was started for other cameras, by their names or sources")

// withMade returns a file's configuration with the cameras that were made at run time after its own, by name. wrong
// says why others are not in it.
func (s *system) withMade(file config.Config, named []config.Camera, all map[string]made) (
	cfg config.Config, wrong map[string]error,
) {
	cfg, wrong = file, map[string]error{}
	cfg.Cameras = slices.Clone(file.Cameras)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		inFile := slices.ContainsFunc(file.Cameras, func(c config.Camera) bool { return c.Name == name })
		switch {
		case named != nil || s.file == "":
			wrong[name] = errNamedOnly
		case inFile:
			wrong[name] = s.twice(m)
		case errcode.Of(m.err) == errcode.StoreCameras:
			wrong[name] = m.err
		default:
			c, err := file.Camera(m.document, s.folder())
			if err != nil {
				wrong[name] = err
				continue
			}
			cfg.Cameras = append(cfg.Cameras, c)
		}
	}
	return cfg, wrong
}

// folder is where relative paths of cameras start.
func (s *system) folder() string {
	folder, err := filepath.Abs(filepath.Dir(s.file))
	if err != nil {
		return filepath.Dir(s.file)
	}
	return folder
}

// monitored reports whether a camera that was made at run time is in force.
func (s *system) monitored(name string) bool {
	m, exists := s.getMade(name)
	return exists && m.err == nil && s.find(name) != nil
}

func (s *system) getMade(name string) (m made, exists bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, exists = s.made[name]
	return m, exists
}

// edit builds and checks the system with other cameras made at run time. Only those named in changed are built, so that
// a change depends on nothing else that is on the disk. With tolerant set, those that cannot be built get an err in all
// instead of being an error.
func (s *system) edit(ctx context.Context, all map[string]made, changed []string, tolerant bool) (*plan, error) {
	cfg, wrong := s.withMade(s.base, s.named, all)
	next := &plan{file: s.base, named: s.named, made: all, restart: s.Reloads().Restart}
	fail := func(name string, err error) error {
		if !tolerant {
			return err // also of another camera, which has no room beside the changed ones
		}
		m := all[name]
		m.err = err
		all[name] = m
		return nil
	}
	for name, m := range all {
		isChanged := slices.Contains(changed, name)
		if err := wrong[name]; err != nil || isChanged {
			m.err = err // that of another one that could not be built stays
		}
		all[name] = m
		if m.err != nil && isChanged && !tolerant {
			return nil, m.err
		}
	}
	digests := map[string]digest{}
	for _, path := range namedFiles(cfg) {
		known, has := s.inForce.digests[path]
		if !has {
			known = digestOf(path) // before it is read
		}
		digests[path] = known // a file that has changed since is the next reload's
	}
	running := map[string]watched{}
	loaded := Models{}
	for _, c := range s.watched() {
		running[c.config.Name] = c
		loaded[c.config.Model] = c.camera.Model
	}
	p := &Preparation{}
	for _, c := range cfg.Cameras {
		if !slices.Contains(changed, c.Name) {
			if old, runs := running[c.Name]; runs { // else it could not be built before either
				p.cameras, p.configs = append(p.cameras, old.camera), append(p.configs, old.config)
			}
			continue
		}
		alone := cfg
		alone.Cameras = []config.Camera{c}
		one := prepareCameras(ctx, alone, next.fileOf(s.file), loaded, true)
		for i := range one.cameras {
			if err := one.cameras[i].Check(); err != nil {
				one.add("cameras", cameraError{c.Name, "calibration", err})
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if len(one.problems) > 0 {
			var errs []error
			for _, problem := range one.problems {
				errs = append(errs, problem.err)
			}
			if err := fail(c.Name, errors.Join(errs...)); err != nil {
				return nil, err
			}
			continue
		}
		p.cameras, p.configs = append(p.cameras, one.cameras...), append(p.configs, one.configs...)
	}
	if err := s.fitMemory(p, all, fail); err != nil {
		return nil, err
	}
	next.p = p
	next.now = inForce{cfg: cfg, named: namesOf(s.named), digests: digests}
	return next, nil
}

// fitMemory divides the memory among the cameras. What is too many fails from the last one on, if it was made at run
// time and fail permits it.
func (s *system) fitMemory(p *Preparation, all map[string]made, fail func(string, error) error) error {
	for {
		err := p.divideMemory(s.start.Buffers)
		if err == nil || len(p.configs) == 0 {
			return err
		}
		last := p.configs[len(p.configs)-1].Name
		if _, is := all[last]; !is {
			return err
		}
		if err := fail(last, err); err != nil {
			return err
		}
		p.drop(last)
	}
}

// startMade adds the stored cameras that were made at run time to those of the file, which run. Whatever is wrong with
// one is an ALARM and costs that camera only: a start never fails because of it, and of two cameras of one name the
// file's is monitored, since the file is what a person can repair while vigil does not run.
func (s *system) startMade(ctx context.Context, stored map[string]made) {
	if len(stored) == 0 {
		return
	}
	if s.file == "" || s.named != nil {
		s.log.Info("the cameras that were made at run time are left out", "cameras",
			strings.Join(slices.Sorted(maps.Keys(stored)), ", "), "reason", errNamedOnly)
		return
	}
	next, err := s.edit(ctx, stored, slices.Collect(maps.Keys(stored)), true)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		err = s.enact(next)
	}
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		m := stored[name]
		if m.err == nil && s.find(name) == nil {
			m.err = err
			stored[name] = m
		}
		if m.err != nil {
			s.log.Error("ALARM: a camera that was made at run time is not monitored", "camera", name,
				"error", errcode.CameraFailed.Default(m.err))
		}
	}
	s.mu.Lock()
	s.made = stored
	s.mu.Unlock()
}

// allMade returns a copy of the cameras that were made at run time.
func (s *system) allMade() map[string]made {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := maps.Clone(s.made)
	if all == nil {
		all = map[string]made{}
	}
	return all
}

// failedMade are the cameras that were made at run time and are not monitored.
func (s *system) failedMade() []api.Camera {
	failed := []api.Camera{}
	all := s.allMade()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		if m.err == nil {
			continue
		}
		failed = append(failed, api.Camera{
			Name: name, Configured: true, Origin: api.OriginRuntime, Revision: m.entry.Revision,
			Source: m.entry.Source.String(), State: alerts.StateFailed, Detail: m.err.Error(),
			Code: string(errcode.Of(errcode.CameraFailed.Default(m.err))), Switches: switchesOf(s.switches.get(name)),
		})
	}
	return failed
}

// shownSettings are a camera's settings with a redacted source.
func (m made) shownSettings() json.RawMessage {
	if m.entry.Err != nil {
		return nil
	}
	settings := map[string]any{}
	if json.Unmarshal(m.entry.Settings, &settings) != nil {
		return nil
	}
	settings["name"], settings["source"] = m.entry.Camera, m.entry.Source.String()
	text, err := json.Marshal(settings)
	if err != nil {
		return nil
	}
	return text
}

// madeChanges are the latest changes of a camera itself; none if they cannot be read.
func (s *system) madeChanges(ctx context.Context, name string) (all []api.Change) {
	if s.store == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	entries, err := s.store.History(ctx, name)
	if err != nil {
		s.log.Debug("the changes of a camera cannot be read", "camera", name, "error", err)
	}
	for _, e := range entries {
		all = append(all, api.Change{Change: e.Change, By: e.By, At: e.At})
	}
	return all
}
