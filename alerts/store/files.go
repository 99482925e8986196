package store

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
)

const (
	messagesDir     = "msgs"
	blockSuffix     = ".blk"
	indexFile       = "index.db"
	metaFile        = "meta.inf"
	metaSumFile     = "meta.sum"
	keyFile         = "meta.key"
	compressedMagic = "cmp" // prefix of a compressed block
)

// streamDir is the directory of a stream.
type streamDir struct {
	name string
	path string
}

func (f streamDir) file(parts ...string) string {
	return filepath.Join(append([]string{f.path}, parts...)...)
}

// streamDirs returns the directories of all streams of a server, of any account.
func streamDirs(dir string) (all []streamDir, err error) {
	accounts, err := os.ReadDir(filepath.Join(dir, "jetstream"))
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return nil, err
	}
	for _, a := range accounts {
		streams, err := os.ReadDir(filepath.Join(dir, "jetstream", a.Name(), "streams"))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, s := range streams {
			if s.IsDir() && !strings.HasPrefix(s.Name(), ".") {
				all = append(all, streamDir{s.Name(), filepath.Join(dir, "jetstream", a.Name(), "streams", s.Name())})
			}
		}
	}
	return all, nil
}

// blocks returns the numbers of a stream's blocks, the oldest first.
func (f streamDir) blocks() ([]int, error) {
	entries, err := os.ReadDir(f.file(messagesDir))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	var numbers []int
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), blockSuffix)
		if n, bad := strconv.Atoi(stem); ok && bad == nil && e.Type().IsRegular() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, err
}

func (f streamDir) block(n int) string { return f.file(messagesDir, strconv.Itoa(n)+blockSuffix) }

// isEncrypted reports whether a stream is encrypted. vigil creates none, and they cannot be checked.
func (f streamDir) isEncrypted() bool {
	_, err := os.Stat(f.file(keyFile))
	return err == nil
}

// isIndexCurrent reports whether the server will trust its index, and so read and truncate no block: it is valid, and
// matches the last block.
func (f streamDir) isIndexCurrent(blocks []int) bool {
	index, err := os.ReadFile(f.file(messagesDir, indexFile))
	if err != nil || len(blocks) == 0 || len(index) < 2*hashBytes {
		return false
	}
	body, sum := index[:len(index)-hashBytes], index[len(index)-hashBytes:]
	h := newHash(f.name)
	_, _ = h.Write(body)
	if !bytes.Equal(h.Sum(nil), sum) {
		return false
	}
	b, err := os.Open(f.block(blocks[len(blocks)-1]))
	if err != nil {
		return false
	}
	defer func() { _ = b.Close() }() // it was only read
	info, err := b.Stat()
	if err != nil || info.Size() < hashBytes {
		return false
	}
	last := make([]byte, hashBytes)
	if _, err := b.ReadAt(last, info.Size()-hashBytes); err != nil {
		return false
	}
	return bytes.Equal(last, body[len(body)-hashBytes:])
}

// readMeta returns a stream's configuration and whether it is valid.
func (f streamDir) readMeta() (meta []byte, whole bool) {
	meta, err := os.ReadFile(f.file(metaFile))
	if err != nil || len(meta) == 0 {
		return nil, false
	}
	sum, err := os.ReadFile(f.file(metaSumFile))
	return meta, err == nil && string(sum) == metaChecksum(f.name, meta)
}

func metaChecksum(stream string, meta []byte) string {
	h := newHash(stream)
	_, _ = h.Write(meta)
	return hex.EncodeToString(h.Sum(nil))
}

func (f streamDir) writeMeta(meta []byte) error {
	return errors.Join(writeFile(f.file(metaFile), meta),
		writeFile(f.file(metaSumFile), []byte(metaChecksum(f.name, meta))))
}

// writeFile writes a file atomically and syncs it.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	if err := renameio.WriteFile(path, data, 0o600); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// keep hard-links a file into the quarantine. The file itself stays until it is replaced under its name, which leaves
// the quarantined one unchanged, unless somebody writes to the shared file.
func (a *quarantine) keep(f streamDir, path string) error {
	if _, err := os.Lstat(path); err != nil {
		return nil //nolint:nilerr // there is nothing to keep
	}
	to, err := a.pathFor(f, path)
	if err != nil {
		return err
	}
	if err := os.Link(path, to); err == nil {
		return syncDir(filepath.Dir(to))
	}
	data, err := os.ReadFile(path) // a file system without links
	if err != nil {
		return err
	}
	return writeFile(to, data)
}

// move moves a file into the quarantine.
func (a *quarantine) move(f streamDir, path string) error {
	if _, err := os.Lstat(path); err != nil {
		return nil //nolint:nilerr // there is nothing to move
	}
	to, err := a.pathFor(f, path)
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(path, to), syncDir(filepath.Dir(path)))
}

// quarantine is the folder for damaged files of one run of the checks. It is created when needed.
type quarantine struct {
	dir, stamp string
	root       string // empty until needed
	streams    map[string]bool
}

// damagedFolder is the folder of all quarantined files.
const damagedFolder = "damaged"

func (a *quarantine) pathFor(f streamDir, path string) (string, error) {
	if a.root == "" {
		root := filepath.Join(a.dir, damagedFolder, a.stamp)
		for n := 2; ; n++ {
			if _, err := os.Lstat(root); errors.Is(err, os.ErrNotExist) {
				break
			}
			root = filepath.Join(a.dir, damagedFolder, a.stamp+"-"+strconv.Itoa(n))
		}
		a.root, a.streams = root, map[string]bool{}
	}
	inner, err := filepath.Rel(f.path, path)
	if err != nil {
		return "", err
	}
	to := filepath.Join(a.root, f.name, inner)
	a.streams[f.name] = true
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", fmt.Errorf("no space to quarantine damaged files: %w", err)
	}
	return to, nil
}

// of returns the folder of a stream's quarantined files; empty if there are none.
func (a *quarantine) of(stream string) string {
	if a.streams[stream] {
		return filepath.Join(a.root, stream)
	}
	return ""
}
