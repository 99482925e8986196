package broker

import (
	"fmt"
	"os"
	"path/filepath"

	"vigil/alerts/store"
	"vigil/internal/errcode"
)

// ErrMoved means that the directory of a running server, or the folder of its alerts, was deleted or replaced: what
// the server writes is on no disk that anybody would find.
var ErrMoved = errcode.StoreMoved.New("it was deleted or replaced while vigil runs")

// dirIdentity identifies the directories that a server writes to.
type dirIdentity struct {
	dir, alerts string
	infos       [2]os.FileInfo // of both; nil for one that was not there
}

func identifyDirs(dir string) (p dirIdentity) {
	p.dir = dir
	p.infos[0], _ = os.Stat(dir)
	// Of whatever account the stream is.
	if found, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", store.AlertStream,
		"msgs")); err == nil && len(found) > 0 {
		p.alerts = found[0]
		p.infos[1], _ = os.Stat(p.alerts)
	}
	return p
}

// Moved is ErrMoved where the files of the server are not where they were when it started, or when Settled was called
// last.
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

// RecordDirs records where the files are, once the stream of alerts exists.
func (s *Server) RecordDirs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirs = identifyDirs(s.opts.Dir)
}

// relockDir locks the directory again if it was replaced. s.mu is held.
func (s *Server) relockDir() error {
	held, err := s.lock.file.Stat()
	if err != nil {
		return err
	}
	if now, err := os.Stat(lockName(s.opts.Dir)); err == nil && os.SameFile(now, held) {
		return nil
	}
	lock, err := lockAndProbeDir(s.opts.Dir)
	if err != nil {
		return err
	}
	_ = s.lock.release() // of a file that nobody finds any more
	s.lock = lock
	if s.socket != nil {
		s.closingBridges.Go(s.socket.close) // its goroutines may wait for the server that is about to start
	}
	if s.socket, err = listenUnix(s.opts.Dir, s); err != nil {
		newServerLog(s.opts.Log, nil).Warnf("programs of this machine cannot read the store %s while it is open: %v",
			s.opts.Dir, err)
	}
	return nil
}
