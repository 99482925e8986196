// Package recorder stores a camera's recordings in a folder: it receives segments as bytes and publishes complete
// files.
//
// A segment in progress has a temporary name that ends in Part. It gets its final name, with the UTC time of its first
// frame, when it is complete or interrupted. A segment left by a killed process is renamed when the next recording of
// the same camera starts. Existing recordings are never overwritten.
package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vigil/capture"
)

// Part is the name suffix of a segment in progress.
const Part = ".part"

// timeForm is the format of the first frame's time in file names.
const timeForm = "20060102T150405Z"

// Segment is a recorded file.
type Segment struct {
	Path     string
	First    time.Time // arrival of the first frame
	Frames   int
	Duration time.Duration
	Bytes    int64
	// Complete means that the file has an index and its duration; else writing it was interrupted.
	Complete bool
}

// Gap is a period without recording.
type Gap struct {
	From     time.Time
	Duration time.Duration
}

// Folder holds the recordings of one camera. It implements capture.SegmentFiles and must be used by one goroutine.
type Folder struct {
	dir, name string
	// OnSegment and OnGap, if set, are called with each finished segment and each ended gap.
	OnSegment func(Segment)
	OnGap     func(Gap)

	file    *os.File // nil between segments
	err     error    // write error
	segment Segment  // in progress
	size    int64    // bytes written
	flushed int64    // bytes that are playable
	gap     time.Time
	last    time.Time // time of the last frame known to be on disk
}

// Error is a failure of the folder, such as a full disk; reconnecting to the camera would not help.
type Error struct {
	Dir string
	Err error
}

func (e *Error) Error() string {
	err := e.Err
	if pe, ok := errors.AsType[*os.PathError](err); ok && pe.Path == e.Dir {
		err = pe.Err
	}
	return fmt.Sprintf("recording into %s: %v", e.Dir, err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Open creates the folder if needed, checks that it is writable, and renames segments of this camera that a killed
// process left; it returns their paths.
func Open(dir, name string) (*Folder, []string, error) {
	f := &Folder{dir: dir, name: name}
	if err := os.MkdirAll(dir,
		0o755); err != nil { //nolint:gosec // Recordings are for others to read as the umask has it.
		return nil, nil, f.wrap(err)
	}
	probe, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return nil, nil, f.wrap(err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return nil, nil, f.wrap(err)
	}
	left, err := f.recoverParts()
	if err != nil {
		return nil, nil, f.wrap(err)
	}
	return f, left, nil
}

func (f *Folder) wrap(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Dir: f.dir, Err: err}
}

// Begin creates the file of a segment.
func (f *Folder) Begin(first time.Time) (io.WriterAt, error) {
	if f.file != nil {
		return nil, f.wrap(errors.New("the segment before has not ended"))
	}
	path, file, err := f.create(first)
	if err != nil {
		return nil, f.wrap(err)
	}
	if !f.gap.IsZero() {
		f.endGap(first)
	}
	f.file, f.err, f.size, f.flushed = file, nil, 0, 0
	f.segment = Segment{Path: path, First: first}
	return f, nil
}

// create finds an unused name, since two segments may start within the same second.
func (f *Folder) create(first time.Time) (string, *os.File, error) {
	for i := 1; i <= maxPerSecond; i++ {
		name := f.name + "-" + first.UTC().Format(timeForm)
		if i > 1 {
			name += fmt.Sprintf("-%d", i)
		}
		path := filepath.Join(f.dir, name+".mkv")
		if _, err := os.Lstat(path); err == nil {
			continue
		} else if !errors.Is(err, os.ErrNotExist) {
			return "", nil, err
		}
		file, err := os.OpenFile(path+Part, os.O_WRONLY|os.O_CREATE|os.O_EXCL,
			0o640) //nolint:gosec // A name of our own making.
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil {
			// The lock shows other processes that the file is being written.
			if _, err = lock(file); err != nil {
				err = errors.Join(err, file.Close(), os.Remove(file.Name()))
			}
		}
		return path, file, err
	}
	return "", nil, fmt.Errorf("%d recordings of %s begin within one second", maxPerSecond, f.name)
}

// WriteAt writes part of the segment.
func (f *Folder) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.file.WriteAt(b, at)
	f.size = max(f.size, at+int64(n))
	if err != nil {
		f.err = err
		return n, f.wrap(err)
	}
	return n, nil
}

// Flushed records that the data written so far is playable.
func (f *Folder) Flushed(s capture.SegmentStats) error {
	f.flushed = f.size
	f.segment.Frames, f.segment.Duration = s.Frames, s.Duration
	f.last = f.segment.First.Add(s.Duration)
	return nil
}

// End gives a complete segment its final name.
func (f *Folder) End(s capture.SegmentStats) error {
	if err := f.Flushed(s); err != nil {
		return err
	}
	f.segment.Complete = true
	return f.close()
}

// Lost interrupts the segment and starts a gap; the camera is expected to come back.
func (f *Folder) Lost() error {
	if f.gap.IsZero() {
		f.gap = f.last
	}
	return f.Interrupt()
}

// Interrupt ends the current segment, keeping its playable part.
func (f *Folder) Interrupt() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Truncate(f.flushed)
	f.size = f.flushed
	if f.segment.Frames == 0 {
		file := f.file
		f.file = nil
		return f.wrap(errors.Join(err, file.Close(), os.Remove(file.Name())))
	}
	return errors.Join(f.wrap(err), f.close())
}

// EndGap ends a gap that Lost started, if nothing has come since.
func (f *Folder) EndGap(now time.Time) {
	if !f.gap.IsZero() {
		f.endGap(now)
	}
}

func (f *Folder) endGap(now time.Time) {
	g := Gap{From: f.gap, Duration: max(now.Sub(f.gap), 0)}
	f.gap = time.Time{}
	if f.OnGap != nil {
		f.OnGap(g)
	}
}

func (f *Folder) close() error {
	s, file := f.segment, f.file
	f.file = nil
	s.Bytes = f.size
	err := file.Sync()
	if err == nil {
		s.Path, err = f.rename(file.Name(), s.Path)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return f.wrap(err)
	}
	if f.OnSegment != nil {
		f.OnSegment(s)
	}
	return nil
}

// maxPerSecond is the maximum number of recordings of one camera that start within the same second.
const maxPerSecond = 1000

// rename renames a segment to path, or to the next free name if path is taken, and returns the name used.
func (f *Folder) rename(part, path string) (string, error) {
	base := strings.TrimSuffix(path, ".mkv")
	for i := 2; i <= maxPerSecond; i++ {
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
			return path, os.Rename(part, path)
		} else if err != nil {
			return "", err
		}
		path = fmt.Sprintf("%s-%d.mkv", base, i)
	}
	return "", fmt.Errorf("%d recordings of %s begin within one second", maxPerSecond, f.name)
}

// recoverParts renames segments that no process is writing any more.
func (f *Folder) recoverParts() (paths []string, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".mkv"+Part)
		if !ok || !f.isName(name) || !e.Type().IsRegular() {
			continue
		}
		path, left, err := f.recoverPart(filepath.Join(f.dir, e.Name()))
		if err != nil {
			return paths, err
		}
		if left {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// isName reports whether a file name without its extension belongs to this camera. Another camera's name may start with
// this one's.
func (f *Folder) isName(name string) bool {
	at, ok := strings.CutPrefix(name, f.name+"-")
	if !ok || len(at) < len(timeForm) {
		return false
	}
	_, err := time.Parse(timeForm, at[:len(timeForm)])
	return err == nil && (len(at) == len(timeForm) || at[len(timeForm)] == '-')
}

func (f *Folder) recoverPart(part string) (path string, left bool, err error) {
	file, err := os.OpenFile(part, os.O_RDWR, 0) //nolint:gosec // It was found in the folder.
	if err != nil {
		return "", false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if free, err := lock(file); err != nil || !free {
		return "", false, err
	}
	path = strings.TrimSuffix(part, Part)
	if _, err := os.Lstat(path); err == nil {
		return "", false, nil // keep both the existing file and the part
	}
	some, isOurs, err := hasPictures(file)
	if err != nil || !isOurs {
		return "", false, err // keep files that are not recordings
	}
	if !some {
		return "", false, os.Remove(part)
	}
	return path, true, os.Rename(part, path)
}

// hasPictures looks for a Matroska cluster, which holds frames. isMatroska is false if the file does not start as
// Matroska.
func hasPictures(file io.ReaderAt) (some, isMatroska bool, err error) {
	const far = 1 << 20 // the header and codec data come before it
	b := make([]byte, far)
	n, err := file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, false, err
	}
	isMatroska = bytes.HasPrefix(b[:n], []byte{0x1a, 0x45, 0xdf, 0xa3})
	return bytes.Contains(b[:n], []byte{0x1f, 0x43, 0xb6, 0x75}), isMatroska, nil
}
