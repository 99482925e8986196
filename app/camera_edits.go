package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vigil/alerts"
	"vigil/alerts/cameras"
	"vigil/api"
	"vigil/capture/source"
	"vigil/config"
	"vigil/internal/errcode"
	"vigil/weights"
)

// PutCamera implements api.Cameras.
func (s *system) PutCamera(ctx context.Context, name string, e api.Edit) (api.Edited, error) {
	done := api.Edited{Name: name, Check: e.Check, Effect: api.EffectAdded}
	if err := s.lockChanges(ctx); err != nil {
		return done, err
	}
	defer s.unlockChanges()
	m, exists, err := s.editable(name, e)
	switch {
	case err != nil:
		return done, err
	case exists && e.Revision == 0 && m.entry.Revision != 0:
		return done, api.Stale{Err: errcode.CameraChanged.Wrap(fmt.Errorf(
			"camera %s exists at revision %d: give that revision to change it", name, m.entry.Revision))}
	}
	document, err := readDocument(name, e.Settings, m)
	if err == nil && !e.Local {
		err = checkRemote(document, m.document)
	}
	if err != nil {
		return done, api.Invalid{Err: err}
	}
	next := made{document: document}
	if next.entry, err = newEntry(document, m, exists, e.By); err != nil {
		return done, api.Invalid{Err: err}
	}
	next.entry.Revision = m.entry.Revision
	all := s.allMade()
	all[name] = next
	plan, err := s.edit(ctx, all, []string{name}, false)
	if err != nil {
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		return done, api.Invalid{Err: err}
	}
	if exists {
		done.Effect = s.effect(plan, name)
	}
	for _, c := range plan.p.cameras {
		if c.Name == name {
			done.Detail = c.Uncalibrated
		}
	}
	if set := switchesOf(s.switches.get(name)); !exists && set != (api.Switches{}) {
		done.Detail = strings.TrimPrefix(done.Detail+"; switches of an earlier camera of this name are in force: "+
			set.String(), "; ")
	}
	if e.Check {
		return done, nil
	}
	if exists && m.err == nil && document.Same(m.document) {
		done.Effect, done.Revision = api.EffectNone, m.entry.Revision
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

// RemoveCamera implements api.Cameras.
func (s *system) RemoveCamera(ctx context.Context, name string, e api.Edit) (api.Edited, error) {
	done := api.Edited{Name: name, Check: e.Check, Effect: api.EffectRemoved}
	if err := s.lockChanges(ctx); err != nil {
		return done, err
	}
	defer s.unlockChanges()
	m, exists, err := s.editable(name, e)
	if !exists && err == nil {
		err = fmt.Errorf("camera %q: %w", name, api.ErrNoCamera)
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
func (s *system) editable(name string, e api.Edit) (m made, exists bool, err error) {
	m, exists = s.getMade(name)
	inFile := slices.ContainsFunc(s.base.Cameras, func(c config.Camera) bool { return c.Name == name })
	switch {
	case alerts.ValidCamera(name) != nil:
		return m, exists, api.Invalid{Err: alerts.ValidCamera(name)}
	case len(name) > maxName:
		return m, exists, api.Invalid{Err: fmt.Errorf("the name has %d bytes: must have at most %d", len(name),
			maxName)}
	case s.store == nil:
		return m, exists, errcode.StoreCameras.New("the store of cameras could not be opened at the start: see the log")
	case s.file == "" || s.named != nil:
		return m, exists, api.Invalid{Err: errNamedOnly}
	case inFile && (!exists || len(e.Settings) > 0):
		return m, exists, api.OfFile{Err: errcode.CameraOfFile.Wrap(fmt.Errorf(
			"camera %s is in %s: change it there", name, s.file))}
	case e.Revision != 0 && !exists:
		return m, exists, api.Stale{Err: errcode.CameraChanged.Wrap(fmt.Errorf(
			"camera %s does not exist any more", name))}
	case e.Revision != 0 && e.Revision != m.entry.Revision:
		return m, exists, api.Stale{Err: errcode.CameraChanged.Wrap(fmt.Errorf(
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

// checkRemote returns an error if a document that comes over the network names a file or a device of this machine that
// the one before did not name, or would send a stored password elsewhere.
func checkRemote(d, before config.CameraDocument) error {
	refused := func(key, text string) error {
		return errcode.AccessDenied.Wrap(fmt.Errorf(
			"%s: %s; set it with 'vigil camera' as the user that vigil runs as", key, text))
	}
	if d.Source != before.Source {
		if at, err := source.ParseAddress(d.Source.Reveal()); err == nil && !at.IsURL() {
			return refused("source", "is a device or a file of that machine; over the network it must be a URL")
		}
	}
	for _, key := range d.Changed(before) {
		switch text := d.Text(key); key {
		case "model":
			if text != "" && !weights.Named(text) {
				return refused(key, "is a file; over the network it must be one of "+
					strings.Join(weights.Names(), ", "))
			}
		case "calibration":
			if text != "" {
				return refused(key, "is a file, and may not change over the network")
			}
		case "trust":
			if text != "" && text != "any" && text != "system" {
				return refused(key, "is a file; over the network it must be any or system")
			}
			fallthrough
		case "follow":
			if d.Source == before.Source && d.Source != (config.Secret{}) {
				return refused(key, "decides where the stored password is sent; give the source with its password, too")
			}
		}
	}
	return nil
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

// effect is what a plan does to a camera that runs.
func (s *system) effect(p *plan, name string) api.Effect {
	old := s.find(name)
	if old == nil {
		return api.EffectAdded
	}
	for i, c := range p.p.configs {
		if c.Name == name {
			switch old.changed(&watched{c, p.p.cameras[i]}) {
			case updated:
				return api.EffectUpdated
			case replaced:
				return api.EffectReopened
			case unchanged:
			}
		}
	}
	return api.EffectNone
}

// notStored is the error of a change that could not be stored. Its answer may be lost all the same, so the stored entry
// is read again, for the next change to replace.
func (s *system) notStored(ctx context.Context, name string, err error) error {
	s.readAgain(ctx, name)
	if errors.Is(err, cameras.ErrStale) {
		return api.Stale{Err: errcode.CameraChanged.Wrap(fmt.Errorf("camera %s: %w", name, err))}
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
