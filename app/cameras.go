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
	"vigil/app/control"
	"vigil/capture/source"
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
		if !tolerant && slices.Contains(changed, name) {
			return err
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
		old, runs := running[c.Name]
		if runs && !slices.Contains(changed, c.Name) {
			p.cameras, p.configs = append(p.cameras, old.camera), append(p.configs, old.config)
			continue
		}
		if !slices.Contains(changed, c.Name) {
			continue // it could not be built before either
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

// PutCamera implements control.Editor.
func (s *system) PutCamera(ctx context.Context, name string, e control.Edit) (control.Edited, error) {
	done := control.Edited{Name: name, Check: e.Check, Effect: control.EffectAdded}
	if err := s.lockChanges(ctx); err != nil {
		return done, err
	}
	defer s.unlockChanges()
	m, exists, err := s.editable(name, e)
	switch {
	case err != nil:
		return done, err
	case exists && e.Revision == 0 && m.entry.Revision != 0:
		return done, control.Stale{Err: errcode.CameraChanged.Wrap(fmt.Errorf(
			"camera %s exists at revision %d: give that revision to change it", name, m.entry.Revision))}
	}
	document, err := readDocument(name, e.Settings, m)
	if err != nil {
		return done, control.Invalid{Err: err}
	}
	next := made{document: document}
	if next.entry, err = newEntry(document, m, exists, e.By); err != nil {
		return done, control.Invalid{Err: err}
	}
	next.entry.Revision = m.entry.Revision
	all := s.allMade()
	all[name] = next
	plan, err := s.edit(ctx, all, []string{name}, false)
	if err != nil {
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		return done, control.Invalid{Err: err}
	}
	if exists {
		done.Effect = s.effect(plan, name)
	}
	for _, c := range plan.p.cameras {
		if c.Name == name {
			done.Detail = c.Uncalibrated
		}
	}
	if set := switchesOf(s.switches.get(name)); !exists && set != (control.Switches{}) {
		done.Detail = strings.TrimPrefix(done.Detail+"; switches of an earlier camera of this name are in force: "+
			set.String(), "; ")
	}
	if e.Check {
		return done, nil
	}
	if exists && m.err == nil && document.Same(m.document) {
		done.Effect, done.Revision = control.EffectNone, m.entry.Revision
		return done, nil
	}
	ctx = context.WithoutCancel(ctx) // it is done or not, whether or not the client waits for it
	if next.entry.Revision, err = s.store.Put(ctx, next.entry); err != nil {
		return done, s.notStored(ctx, name, err)
	}
	plan.made[name] = next
	done.Revision = next.entry.Revision
	s.log.Info("a camera is changed at run time", "camera", name, "change", next.entry.Change, "by", e.By)
	return done, s.enactEdit(plan)
}

// RemoveCamera implements control.Editor.
func (s *system) RemoveCamera(ctx context.Context, name string, e control.Edit) (control.Edited, error) {
	done := control.Edited{Name: name, Check: e.Check, Effect: control.EffectRemoved}
	if err := s.lockChanges(ctx); err != nil {
		return done, err
	}
	defer s.unlockChanges()
	m, exists, err := s.editable(name, e)
	if !exists && err == nil {
		err = fmt.Errorf("camera %q: %w", name, control.ErrNoCamera)
	}
	if err != nil {
		return done, err
	}
	all := s.allMade()
	delete(all, name)
	plan, err := s.edit(ctx, all, nil, false)
	if err != nil || e.Check {
		return done, err
	}
	entry := cameras.Entry{
		Version: cameras.Version, Camera: name, Change: "removed", By: e.By, At: time.Now().UTC().Round(0),
		Revision: m.entry.Revision,
	}
	ctx = context.WithoutCancel(ctx) // it is done or not, whether or not the client waits for it
	if err := s.store.Remove(ctx, entry); err != nil {
		return done, s.notStored(ctx, name, err)
	}
	s.log.Info("a camera that was made at run time is removed", "camera", name, "by", e.By)
	return done, s.enactEdit(plan)
}

// editable returns the camera of a change, and why it cannot be changed.
func (s *system) editable(name string, e control.Edit) (m made, exists bool, err error) {
	m, exists = s.getMade(name)
	inFile := slices.ContainsFunc(s.base.Cameras, func(c config.Camera) bool { return c.Name == name })
	switch {
	case alerts.ValidCamera(name) != nil:
		return m, exists, control.Invalid{Err: alerts.ValidCamera(name)}
	case len(name) > maxName:
		return m, exists, control.Invalid{Err: fmt.Errorf("the name has %d bytes: must have at most %d", len(name),
			maxName)}
	case s.store == nil:
		return m, exists, errcode.StoreCameras.New("the store of cameras could not be opened at the start: see the log")
	case s.file == "" || s.named != nil:
		return m, exists, control.Invalid{Err: errNamedOnly}
	case inFile && (!exists || len(e.Settings) > 0):
		return m, exists, control.OfFile{Err: errcode.CameraOfFile.Wrap(fmt.Errorf(
			"camera %s is in %s: change it there", name, s.file))}
	case e.Revision != 0 && !exists:
		return m, exists, control.Stale{Err: errcode.CameraChanged.Wrap(fmt.Errorf(
			"camera %s does not exist any more", name))}
	case e.Revision != 0 && e.Revision != m.entry.Revision:
		return m, exists, control.Stale{Err: errcode.CameraChanged.Wrap(fmt.Errorf(
			"camera %s is at revision %d, not %d (%s by %s)", name, m.entry.Revision, e.Revision, m.entry.Change,
			m.entry.By))}
	}
	return m, exists, nil
}

// maxName bounds the name of a camera that is made at run time, which is in subjects and names of files.
const maxName = 100

// hidden stands for the secrets of an address.
const hidden = "***"

// readDocument reads the settings of a camera. A source as it is shown is the stored one: a password is only ever sent
// to where it was set for.
func readDocument(name string, settings []byte, before made) (config.CameraDocument, error) {
	d, err := config.ParseCamera(name, settings)
	if err != nil {
		return d, err
	}
	text := d.Source.Reveal()
	switch {
	case !strings.Contains(text, hidden):
	case text == before.entry.Source.String():
		d.Source = before.document.Source
	default:
		return d, errors.New("source: has *** in place of a password and is not the stored one; must be given with " +
			"the password")
	}
	return d, nil
}

// newEntry makes the entry of a document.
func newEntry(d config.CameraDocument, before made, exists bool, by string) (e cameras.Entry, err error) {
	e = cameras.Entry{
		Version: cameras.Version, Camera: d.Name, Change: "added", By: by, At: time.Now().UTC().Round(0),
	}
	if exists {
		e.Change = "changed " + strings.Join(before.document.Changed(d), ", ")
	}
	if d.Source == (config.Secret{}) {
		return e, errors.New("source: is missing; must be a URL, a device, a video file or a folder of pictures")
	}
	if e.Source, err = source.ParseAddress(d.Source.Reveal()); err != nil {
		return e, fmt.Errorf("source: %w", err)
	}
	if e.Settings, err = d.JSON(); err == nil && len(e.Settings) > cameras.MaxSettings {
		err = fmt.Errorf("the settings have %d bytes: must have at most %d", len(e.Settings), cameras.MaxSettings)
	}
	return e, err
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

// effect is what a plan does to a camera that runs.
func (s *system) effect(p *plan, name string) control.Effect {
	old := s.find(name)
	if old == nil {
		return control.EffectAdded
	}
	for i, c := range p.p.configs {
		if c.Name == name {
			switch old.changed(&watched{c, p.p.cameras[i]}) {
			case updated:
				return control.EffectUpdated
			case replaced:
				return control.EffectReopened
			case unchanged:
			}
		}
	}
	return control.EffectNone
}

// notStored is the error of a change that could not be stored. Its answer may be lost all the same, so the stored entry
// is read again, for the next change to replace.
func (s *system) notStored(ctx context.Context, name string, err error) error {
	s.readAgain(ctx, name)
	if errors.Is(err, cameras.ErrStale) {
		return control.Stale{Err: errcode.CameraChanged.Wrap(fmt.Errorf("camera %s: %w", name, err))}
	}
	s.log.Error("a change of a camera could not be stored and is not in effect", "camera", name,
		"error", errcode.StoreCameras.Default(err))
	return errcode.StoreCameras.Default(err)
}

// errNotInEffect is why a camera is not monitored whose entry was stored although its change failed.
var errNotInEffect = errors.New("its change is stored but not in effect: change it again, remove it, or restart vigil")

// readAgain takes over the revision of a camera's stored entry.
func (s *system) readAgain(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	stored, err := s.store.Find(ctx, name)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, exists := s.made[name]
	switch {
	case stored.Removed || stored.Revision == 0:
		m.entry.Revision = 0
	case exists:
		m.entry.Revision = stored.Revision
	default:
		if m = newMade(stored); m.err == nil {
			m.err = errNotInEffect
		}
		exists = true
	}
	if exists {
		s.made = maps.Clone(s.made)
		if s.made == nil {
			s.made = map[string]made{}
		}
		s.made[name] = m
	}
}

// enactEdit makes a stored change effective.
func (s *system) enactEdit(p *plan) error {
	err := s.enact(p)
	select {
	case s.edited <- struct{}{}: // a file that was refused may be good now, and others are to be watched
	default:
	}
	if err != nil {
		return fmt.Errorf("the change is stored, but could not be made at once; the next start does: %w", err)
	}
	return nil
}

// failedMade are the cameras that were made at run time and are not monitored.
func (s *system) failedMade() []control.Camera {
	failed := []control.Camera{}
	all := s.allMade()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		if m.err == nil {
			continue
		}
		failed = append(failed, control.Camera{
			Name: name, Configured: true, Origin: control.OriginRuntime, Revision: m.entry.Revision,
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
func (s *system) madeChanges(ctx context.Context, name string) (all []control.Change) {
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
		all = append(all, control.Change{Change: e.Change, By: e.By, At: e.At})
	}
	return all
}
