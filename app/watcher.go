package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"vigil/internal/errcode"
)

const (
	// settleTime is how long nothing may change before files are read, so that one that is being written is whole.
	settleTime = 500 * time.Millisecond
	// rearmEvery is the interval at which folders that are not there are looked for.
	rearmEvery = 10 * time.Second
)

// watcher reports changes of files. It watches their folders, since files are replaced by renaming.
type watcher struct {
	log    *slog.Logger
	notify *fsnotify.Watcher // nil if this machine has none left
	files  []string          // what is watched, by the paths that their users gave
	paths  map[string]bool   // trail of the files: what matters in the folders
	warned map[string]bool   // folders that exist and cannot be watched, as logged
}

// newWatcher returns a watcher that watches nothing yet. With an error it never reports a change.
func newWatcher(log *slog.Logger) (*watcher, error) {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return &watcher{log: log}, fmt.Errorf("watch files: %w", err)
	}
	return &watcher{log: log, notify: n}, nil
}

// watch watches these files in place of the ones before; one that does not exist yet is reported when it does.
func (w *watcher) watch(files []string) {
	w.files = files
	w.arm()
}

// arm watches the folders of the files as they are now. It reports whether there is a folder that was not there.
func (w *watcher) arm() (more bool) {
	if w.notify == nil {
		return false
	}
	w.paths = map[string]bool{}
	folders := map[string]bool{}
	for _, file := range w.files {
		for _, path := range trail(file) {
			w.paths[path] = true
			folders[filepath.Dir(path)] = true
		}
	}
	watched := w.notify.WatchList()
	for _, folder := range watched {
		if !folders[folder] {
			_ = w.notify.Remove(folder) // it may be gone by itself
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		if slices.Contains(watched, folder) {
			continue
		}
		if err := w.notify.Add(folder); err != nil {
			w.logUnwatched(folder, err)
			continue
		}
		delete(w.warned, folder)
		more = true
	}
	return more
}

// logUnwatched logs that a folder cannot be watched, once: this machine may have no watches left. A missing one is
// looked for again and again.
func (w *watcher) logUnwatched(folder string, err error) {
	if errors.Is(err, fs.ErrNotExist) || w.warned[folder] {
		w.log.Debug("a folder is not watched", "folder", folder, "error", err)
		return
	}
	if w.warned == nil {
		w.warned = map[string]bool{}
	}
	w.warned[folder] = true
	w.log.Warn("changes of the files in a folder are not noticed; SIGHUP takes them up", "folder", folder,
		"error", err, errcode.Key, errcode.ConfigReload)
}

// watchEvent is what next has waited for.
type watchEvent int

const (
	fileChanged  watchEvent = iota // or somebody asks
	cameraEdited                   // at run time, so that other files may have to be watched
)

// next waits until a file has changed and no other has for settleTime, until somebody asks, or until a camera was
// edited; ok is false once ctx is done.
func (w *watcher) next(ctx context.Context, ask <-chan os.Signal, edited <-chan struct{}) (event watchEvent, ok bool) {
	rearm := time.NewTicker(rearmEvery)
	defer rearm.Stop()
	var events chan fsnotify.Event
	var errs chan error
	if w.notify != nil {
		events, errs = w.notify.Events, w.notify.Errors
	}
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return fileChanged, false
		case <-ask:
			return fileChanged, true
		case <-settled:
			return fileChanged, true
		case <-edited:
			return cameraEdited, true
		case <-rearm.C:
			if w.arm() {
				settled = time.After(settleTime)
			}
		case e := <-events:
			if w.paths[filepath.Clean(e.Name)] { // also a change of rights, which may make it readable
				settled = time.After(settleTime)
			}
		case err := <-errs:
			// Events may have been lost.
			w.log.Debug("watching files", "error", err)
			settled = time.After(settleTime)
		}
	}
}

func (w *watcher) close() {
	if w.notify == nil {
		return
	}
	if err := w.notify.Close(); err != nil {
		w.log.Debug("watching files", "error", err)
	}
}
