package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"vigil/capture/source"
	"vigil/internal/regular"
	"vigil/video"
)

// frameReader reads one kind of source: it fills Pix, Width, Height, Channels and PTS of a frame, and returns io.EOF at
// the end.
type frameReader interface {
	read(context.Context, *video.Frame) error
	close() error
}

// colorSource is a source with grey frames that can also convert the last frame to colour.
type colorSource interface {
	// color fills to [h][w][3], BGR, with the last frame, scaled if its size differs.
	color(to []byte, w, h int) error
}

// gapReporter is a source that may drop frames.
type gapReporter interface {
	// skipped is the number of frames dropped before the last one.
	skipped() int
}

// damageReporter is a source that knows what it could not decode.
type damageReporter interface {
	decodeErrors() video.DecodeErrors
}

// skipper is a source that can drop data without decoding it.
type skipper interface {
	skip(context.Context) error
}

// Stream is an opened address. It must be read by one goroutine.
type Stream struct {
	mu         sync.Mutex // OpenCV crashes if a capture is closed during a read
	src        frameReader
	addr       source.Address
	info       video.Info
	seq        uint64
	generation int
	pace       *pacer
	err        error // why the stream ended
}

// Open opens an address. It takes up to about Options.OpenTimeout, twice that if the server must be asked for the
// reason of a refusal. Cancelling the context aborts the opening of a URL at once; for a file or a device it is checked
// before and after.
func Open(ctx context.Context, addr source.Address, o Options) (*Stream, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	src, info, err := openSource(ctx, addr, o)
	if err != nil {
		return nil, fmt.Errorf("opening %v: %w", addr, err)
	}
	info.Live = addr.Live()
	s := &Stream{src: src, addr: addr, info: info, seq: o.FirstSeq, generation: o.Generation}
	if o.Realtime && !info.Live {
		s.pace = new(pacer)
	}
	return s, nil
}

func openSource(ctx context.Context, addr source.Address, o Options) (frameReader, video.Info, error) {
	path := addr.Reveal()
	switch {
	case addr.IsURL():
		return openURL(ctx, addr, o)
	case addr.IsDevice():
		return openDevice(path, o)
	case path == "":
		return nil, video.Info{}, fmt.Errorf("the address is empty: %s", source.WantedForms)
	}
	st, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return nil, video.Info{}, fmt.Errorf("no such file or folder (%w)", os.ErrNotExist)
	case err != nil:
		return nil, video.Info{}, stripPath(err)
	case st.IsDir():
		return openFolder(path, o)
	case !st.Mode().IsRegular():
		return nil, video.Info{}, fmt.Errorf("this is %s, neither a file nor a folder; %s", regular.Kind(st.Mode()),
			source.WantedForms)
	case st.Size() == 0:
		return nil, video.Info{}, errors.New("the file is empty")
	}
	return openFile(ctx, path, o)
}

// stripPath removes the path from an error of package os, because Open adds the redacted address.
func stripPath(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

// Info returns what was known when the stream was opened. Frames may have another size.
func (s *Stream) Info() video.Info { return s.info }

// Read fills f with the next frame, reusing f.Pix. It returns io.EOF at the end of a file or a folder, ErrTruncated if
// a file ends too early, ErrLost for a live source, or the context's error if that was cancelled first; any other error
// names the file. After an error other than the context's, every Read returns the same error. Frames of a URL are grey,
// see Color; their Seq skips damaged frames.
func (s *Stream) Read(ctx context.Context, f *video.Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.src.read(ctx, f); err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return err
		}
		s.err = nameError(s.addr, err)
		return s.err
	}
	if c, ok := s.src.(gapReporter); ok {
		s.seq += uint64(c.skipped()) //nolint:gosec // A count.
	}
	if s.pace != nil {
		if err := s.pace.pace(ctx, f.PTS); err != nil {
			return err
		}
	}
	f.Seq, f.Generation, f.Arrival = s.seq, s.generation, time.Now()
	s.seq++
	return nil
}

// DecodeErrors counts what could not be decoded since the stream was opened. Only FFmpeg's reader of URLs, the default,
// knows that.
func (s *Stream) DecodeErrors() video.DecodeErrors {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.src.(damageReporter); ok {
		return d.decodeErrors()
	}
	return video.DecodeErrors{}
}

// skipRest is the pause of Skip once it has caught up: a wake-up per packet would cost more than dropping it. Data that
// arrives meanwhile stays in the system's socket buffer.
const skipRest = 300 * time.Millisecond

// Skip drops incoming data while more, which it calls before each packet or frame, returns true. Packets of a URL are
// not decoded, which saves most of the CPU time; frames of other sources are read and dropped. Dropped frames have no
// Seq, and the next Read returns a frame that does not depend on them. Errors are as for Read.
func (s *Stream) Skip(ctx context.Context, more func() bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var scratch video.Frame
	for s.err == nil && more() {
		if err := ctx.Err(); err != nil {
			return err
		}
		began := time.Now()
		var err error
		if p, ok := s.src.(skipper); ok {
			if err = p.skip(ctx); err == nil && time.Since(began) > time.Millisecond { // it had to wait for data
				select {
				case <-ctx.Done():
				case <-time.After(skipRest):
				}
			}
		} else {
			err = s.src.read(ctx, &scratch)
		}
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return err
			}
			s.err = nameError(s.addr, err)
		}
	}
	return s.err
}

// Color fills to [h][w][3], BGR, with the last frame that Read returned, in colour and scaled to w x h. It returns
// false if the source's frames are already as coloured as they can be.
func (s *Stream) Color(to []byte, w, h int) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.src.(colorSource)
	if !ok {
		return false, nil
	}
	if err := c.color(to, w, h); err != nil {
		return true, fmt.Errorf("reading %v in colour: %w", s.addr, err)
	}
	return true, nil
}

// Close frees the stream; it waits for a Read in progress. A second Close does nothing.
func (s *Stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.src == nil {
		return nil
	}
	err := s.src.close()
	s.src = nil
	s.err = fmt.Errorf("reading %v: %w", s.addr, os.ErrClosed)
	return err
}
