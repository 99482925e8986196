package app

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"vigil/config"
	"vigil/internal/errcode"
)

// Reloads counts how often a configuration was taken up while vigil runs.
type Reloads struct {
	Applied, Failed uint64    // those that change nothing count as applied
	At              time.Time // of the latest attempt; zero for none
	// InForce is when the configuration in force was read: at the latest attempt that succeeded, or at the start.
	InForce time.Time
	// Err is the error of the latest attempt; nil if the configuration in force is that of the file, but for Restart.
	Err error
	// Restart are the keys that have changed since the start and need a restart, in their order.
	Restart []string
}

// Reloads returns how often a configuration was taken up.
func (s *system) Reloads() Reloads {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.reloads
	r.Restart = slices.Clone(r.Restart)
	if r.InForce.IsZero() {
		r.InForce = s.started
	}
	return r
}

// unprepared is the error of a configuration that was read and cannot be used.
type unprepared struct {
	error
	problems []config.Problem
}

// Unwrap returns the error itself.
func (e unprepared) Unwrap() error { return e.error }

// withLines gives the error of a configuration the lines of its file, if that is still the one that was read.
func withLines(err error, path string, cfg config.Config) error {
	e, isProblems := errors.AsType[unprepared](err)
	if !isProblems {
		return err
	}
	file, other := config.Open(path)
	if other != nil || !reflect.DeepEqual(file.Config, cfg) {
		return err
	}
	return file.Join(nil, e.problems...)
}

// reload takes up the configuration file.
func (s *system) reload(ctx context.Context, o RunOptions) {
	s.log.Debug("reading the configuration again", "file", o.File)
	cfg, named, err := o.Load()
	changed := false
	if err == nil {
		changed, err = s.apply(ctx, cfg, named)
	}
	if ctx.Err() != nil {
		return
	}
	if named == nil { // else the numbers of the cameras are not those of the file
		err = withLines(err, o.File, cfg)
	}
	s.mu.Lock()
	before := s.reloads.Err
	s.reloads.At, s.reloads.Err = time.Now(), err
	if err != nil {
		s.reloads.Failed++
	} else {
		s.reloads.Applied++
		s.reloads.InForce = s.reloads.At
	}
	s.mu.Unlock()
	if err == nil && before != nil && !changed {
		s.log.Info("the configuration file is as it was before the error", "file", o.File)
	}
	if err != nil {
		s.log.Error("the new configuration is not used, the earlier one goes on", "file", o.File,
			"error", errcode.ConfigReload.Default(err))
	}
}

// reloadLoop takes up the configuration when somebody asks for it and when a file that it names has changed, until ctx
// ends.
func (s *system) reloadLoop(ctx context.Context, o RunOptions) {
	w, err := newWatcher(s.log)
	if err != nil {
		s.log.Warn("changes of the configuration file are not noticed; SIGHUP takes them up", "error", err,
			errcode.Key, errcode.ConfigReload)
	}
	defer w.close()
	watch := func() {
		s.mu.Lock()
		files := slices.Concat([]string{o.File}, slices.Sorted(maps.Keys(s.inForce.digests)), s.lastFiles)
		s.mu.Unlock()
		w.watch(files)
	}
	watch()
	// What has changed since the start was not noticed.
	if cfg, named, err := o.Load(); err != nil || !s.isInForce(cfg, named) {
		s.reload(ctx, o)
	}
	for {
		watch()
		event, ok := w.next(ctx, o.Hangup, s.edited)
		if !ok {
			return
		}
		if event == cameraEdited && s.Reloads().Err == nil {
			continue
		}
		s.reload(ctx, o)
	}
}

// isInForce reports whether a configuration is the one in force.
func (s *system) isInForce(file config.Config, named []config.Camera) bool {
	cfg, _ := s.withMade(file, named, s.allMade())
	s.mu.Lock()
	defer s.mu.Unlock()
	return reflect.DeepEqual(inForceOf(cfg, named), s.inForce)
}

// setLastFiles records the files of the configuration that is taken up.
func (s *system) setLastFiles(files map[string]digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastFiles = slices.Sorted(maps.Keys(files))
}
