package broker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"vigil/internal/errcode"
)

// probeBytes must be free in the directory at the start; a server that starts on a full disk fails at its first alert.
const probeBytes = 1 << 20

// lockAndProbeDir prepares dir for a server's streams and locks it for this process.
func lockAndProbeDir(dir string) (*dirLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, storeError(dir, err)
	}
	if err := checkOwnDir(dir); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	if err := probeDir(dir); err != nil {
		return nil, errors.Join(storeError(dir, err), lock.release())
	}
	return lock, nil
}

// checkOwnDir rejects a folder with foreign files, since a server writes and deletes freely in its own.
func checkOwnDir(dir string) error {
	if _, err := os.Lstat(lockName(dir)); !errors.Is(err, os.ErrNotExist) {
		return nil // the lock reports what is wrong with it
	}
	// A copy of a store may lack the lock.
	if streams, _ := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", Stream)); len(streams) > 0 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return storeError(dir, err)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" { // of a file system that is mounted here
			return fmt.Errorf(
				"alert store %s: vigil did not make this folder, it holds %q but no vigil.lock or alerts: choose "+
					"another data_dir, or move it elsewhere", dir, e.Name())
		}
	}
	return nil
}

func storeError(dir string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("alert store %s: %w", dir, withDirHint(errcode.Store(err)))
}

// probeDir writes and syncs a file, since only that detects a full disk, a quota or a read-only mount.
func probeDir(dir string) (err error) {
	f, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if _, err := f.Write(make([]byte, probeBytes)); err != nil {
		return err
	}
	return f.Sync()
}

// withDirHint adds a remedy. The caller's message already contains the path.
func withDirHint(err error) error {
	name, code := "", errcode.Of(err)
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err, name = path.Err, filepath.Base(path.Path)
	}
	switch {
	case errors.Is(err, syscall.EISDIR):
		return code.Wrap(fmt.Errorf("%s: %w: a folder is where a file must be, move it away", name, err))
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return code.Wrap(fmt.Errorf("%w: free some space, or choose another directory", err))
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EROFS):
		return code.Wrap(fmt.Errorf("%w: make it writable for this user, or choose another directory", err))
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, os.ErrExist):
		return code.Wrap(fmt.Errorf("%w: a file is in the way, choose another directory", err))
	}
	return code.Wrap(err)
}

// probeAddress listens briefly, since the server reports a port in use only in its log.
func probeAddress(host string, port int) error {
	l, err := listen(host, port)
	if err != nil {
		return err
	}
	return l.Close()
}

// listen listens on an address, on any free port for -1.
func listen(host string, port int) (net.Listener, error) {
	if port == -1 {
		port = 0
	}
	address := net.JoinHostPort(host, strconv.Itoa(port))
	l, err := net.Listen("tcp", address)
	if err == nil {
		return l, nil
	}
	if call, ok := errors.AsType[*net.OpError](err); ok {
		err = call.Err
	}
	hint := "choose another address"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "stop the program that listens there, choose another port, or, if it is a NATS server, give its URL " +
			"to use it"
	case errors.Is(err, syscall.EACCES):
		hint = "choose a port from 1024 on"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "this machine has no such address, choose one that it has"
	}
	return nil, fmt.Errorf("embedded NATS on %s: %w: %s", address, err, hint)
}

// lockName is the file whose lock shows that a process uses the directory. The file remains; only its lock counts.
func lockName(dir string) string { return filepath.Join(dir, "vigil.lock") }

// LockDir locks a store for this process without starting a server on it. It returns an ErrInUse if a vigil runs on it.
func LockDir(dir string) (release func() error, err error) {
	lock, err := lockAndProbeDir(dir)
	if err != nil {
		return nil, err
	}
	return lock.release, nil
}
