package broker

import (
	"fmt"
	"os"
	"path/filepath"

	"vigil/alerts/store"
	"vigil/internal/errcode"
)

// ErrMoved means that the directory of a running server, or the folder of its alerts, was deleted or replaced: the
// server then writes to files that can no longer be found by name.
var ErrMoved = errcode.StoreMoved.New("it was deleted or replaced while vigil runs")

// dirIdentity identifies the directories that a server writes to.
type dirIdentity struct {
	dir, alerts string
	infos       [2]os.FileInfo // of both; nil for a missing one
}

func identifyDirs(dir string) (p dirIdentity) {
	p.dir = dir
	p.infos[0], _ = os.Stat(dir)
	// Whichever account the stream belongs to.
	if found, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", store.AlertStream,
		"msgs")); err == nil && len(found) > 0 {
		p.alerts = found[0]
		p.infos[1], _ = os.Stat(p.alerts)
	}
	return p
}

// Moved returns ErrMoved if the server's files are not where they were at its start or at the last RecordDirs.
func (s *Server) Moved() error {
	s.mu.RLock()
	p := s.dirs
	s.mu.RUnlock()
	for i, path := range []string{p.dir, p.alerts} {
		if p.infos[i] == nil {
			continue
		}
		if now, err := os.Stat(path); err != nil || !os.SameFile(now, p.infos[i]) {
			return fmt.Errorf("alert store %s: %w", path, ErrMoved)
		}
	}
	return nil
}

// RecordDirs records the identity of the directories, once the stream of alerts exists. A directory that has replaced
// the server's is not recorded, so that Moved reports it.
func (s *Server) RecordDirs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The lock is checked after what it vouches for.
	if found := identifyDirs(s.opts.Dir); s.lock.at(s.opts.Dir) {
		s.dirs = found
	}
}

// at reports whether the locked file is the one that is found in dir.
func (l *dirLock) at(dir string) bool {
	held, err := l.file.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(lockName(dir))
	return err == nil && os.SameFile(now, held)
}

// relockDir locks the directory again if it was replaced. s.mu is held.
func (s *Server) relockDir() error {
	if s.lock.at(s.opts.Dir) {
		return nil
	}
	lock, err := lockAndProbeDir(s.opts.Dir)
	if err != nil {
		return err
	}
	_ = s.lock.release() // of a deleted file
	s.lock = lock
	if s.socket != nil {
		s.closingBridges.Go(s.socket.close) // its goroutines may wait for the server that is about to start
	}
	if s.socket, err = listenUnix(s.opts.Dir, s); err != nil {
		s.logNoSocket(err)
	}
	return nil
}
