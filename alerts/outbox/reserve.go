package outbox

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
)

// reserve is a file that holds room on the disk for alerts: it is removed when everything else has filled the disk.
type reserve struct {
	mu    sync.Mutex
	dir   string
	path  string
	bytes int64
}

func newReserve(dir string, bytes int64) *reserve {
	return &reserve{dir: dir, path: filepath.Join(dir, "reserve"), bytes: bytes}
}

// makeRoom gives the reserve up before the server starts on a disk that has no room for it.
func (r *reserve) makeRoom() {
	if freeBytes(r.dir) < startRoom {
		r.release()
	}
}

// startRoom is what a server needs to start.
const startRoom = 4 << 20

// release gives the room to whoever is first; that should be the alerts.
func (r *reserve) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = os.Remove(r.path)
}

// fill takes the room back where the disk has enough for it twice over. The bytes are random, since some file systems store zeros as nothing.
func (r *reserve) fill() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if info, err := os.Stat(r.path); err == nil && info.Size() == r.bytes {
		return nil
	}
	if free := freeBytes(r.dir); free < 2*r.bytes {
		return fmt.Errorf("%s: %d MiB are free, %d are wanted", r.dir, free>>20, 2*r.bytes>>20)
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{}), r.bytes)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(r.path))
	}
	return nil
}
