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

// frameReader is one kind of input: it fills Pix, Width, Height, Channels and PTS of a frame, and returns io.EOF at
// the end.
type frameReader interface {
	read(context.Context, *video.Frame) error
	close() error
}

// colorSource is a source whose frames are grey, and which has them in colour for whoever asks.
type colorSource interface {
	// color fills to [h][w][3], BGR, with the last picture, in another size where it has one.
	color(to []byte, w, h int) error
}

// gapReporter is a source that leaves pictures out.
type gapReporter interface {
	// skipped is how many pictures were left out before the last one.
	skipped() int
}

// skipper is a source that can pass over what comes without decoding it.
type skipper interface {
	skip(context.Context) error
}

// Stream is an opened address. One goroutine reads it.
type Stream struct {
	mu      sync.Mutex // OpenCV crashes when a capture is closed while it reads
	src     frameReader
	addr    source.Address
	info    video.Info
	seq     uint64
	opening int
	pace    *pacer
	err     error // what ended the stream
}

// Open opens an address. It takes at most about Options.OpenTimeout, twice where a server must be asked for the reason
// of a refusal. A context that ends breaks the opening of a URL off; of a file or a device it is noticed before and
// after.
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
	s := &Stream{src: src, addr: addr, info: info, seq: o.FirstSeq, opening: o.Opening}
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

// stripPath takes the path, which Open names in its redacted form, out of an error of package os.
func stripPath(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

// Info says what was known when the stream was opened. Frames may still have another size.
func (s *Stream) Info() video.Info { return s.info }

// Read fills f with the next picture, reusing f.Pix. It returns io.EOF at the end of a file or a folder, ErrTruncated
// where a file ends too early, ErrLost for a live source, the context's error where that ended first;
// any other error names the file. After an error other than the context's, every Read gives it again. The frames of a
// URL are grey, see Color; their numbers leave out the pictures that were damaged on the way.
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
	f.Seq, f.Opening, f.Arrival = s.seq, s.opening, time.Now()
	s.seq++
	return nil
}

// skipRest is how long Skip rests once it has caught up: to be woken for each packet would cost more than what is done
// with it. What a camera sends meanwhile waits in the system's buffer.
const skipRest = 300 * time.Millisecond

// Skip passes over what comes for as long as more reports true, which it asks for each piece. A URL's pictures are not
// even decoded, which saves nearly all that they cost; other sources' are read and dropped. They have no numbers, and
// the next Read gives one that needs none of them. Errors are Read's.
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
			if err = p.skip(ctx); err == nil && time.Since(began) > time.Millisecond { // it had to wait
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

// Color fills to with the last picture that Read gave, in colour and w x h pixels: [h][w][3], BGR. false means that
// this source's frames are in colour already, as far as it has any.
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

// Close frees the stream; it waits for a Read that is under way. A second Close does nothing.
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
