package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"vigil/capture"
	"vigil/video"
)

// Record starts a worker that records, and writes the segments to files until ctx is done, the camera fails or files
// returns an error, which Record returns unchanged. When ctx is done the current segment is completed and Record
// returns nil; otherwise the last segment may be incomplete. Options that concern pictures are ignored.
func Record(ctx context.Context, o Options, length time.Duration, opened func(video.Info),
	files capture.SegmentFiles,
) error {
	s := start{
		Address: []byte(o.Address.Reveal()), Transport: o.Transport, Trust: o.Trust, Follow: o.Follow,
		OpenTimeout: o.OpenTimeout, ReadTimeout: o.ReadTimeout,
		FPSHint: o.FPSHint, Record: true, Segment: length,
	}
	p := &Process{o: o, done: make(chan struct{})}
	if err := p.launch(false); err != nil {
		return fmt.Errorf("starting the camera's process: %w", err)
	}
	err := p.open(ctx, &s, func() {})
	if err == nil {
		opened(p.info)
		err = p.record(ctx, &recording{files: files})
	}
	closed := p.Close()
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	return errors.Join(err, closed)
}

// finishTimeout is how long the worker may take to complete a segment when asked to.
const finishTimeout = 3 * time.Second

// record processes messages until the stream ends.
func (p *Process) record(ctx context.Context, r *recording) error {
	for {
		k, body, err := p.receive(ctx, p.o.ReadTimeout+replyMargin)
		if err == nil {
			p.idle = idle{}
			err = r.take(p, k, body)
		}
		switch {
		case err == nil:
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			return p.finish(context.WithoutCancel(ctx), r)
		default:
			return err
		}
	}
}

// finish lets the worker complete its segment.
func (p *Process) finish(ctx context.Context, r *recording) error {
	if err := p.write(encode(nil, kindFinish, nil)); err != nil {
		return nil //nolint:nilerr // It has ended; what was flushed is there.
	}
	ctx, cancel := context.WithTimeout(ctx, finishTimeout)
	defer cancel()
	for {
		k, body, err := p.receive(ctx, finishTimeout)
		if err != nil {
			return nil //nolint:nilerr // kindEnd, or it takes too long; what was flushed is there.
		}
		if err := r.take(p, k, body); err != nil {
			return err
		}
	}
}

// recording checks the order of the worker's segment messages.
type recording struct {
	files capture.SegmentFiles
	file  io.WriterAt // nil between two segments
	size  int64
	first time.Time // of the last segment
}

func (r *recording) take(p *Process, k kind, body []byte) error {
	switch k {
	case kindSegment:
		var s segment
		if err := readJSON(body, &s); err != nil {
			return err
		}
		if r.file != nil {
			return fmt.Errorf("%w: a segment before the last one has ended", ErrProtocol)
		}
		first := p.arrivalTime(s.First)
		if first.Before(r.first) {
			first = r.first
		}
		r.first, r.size = first, 0
		var err error
		r.file, err = r.files.Begin(first)
		return err
	case kindChunk:
		if len(body) < 8 || r.file == nil {
			return fmt.Errorf("%w: %d bytes for no segment", ErrProtocol, len(body))
		}
		at := binary.LittleEndian.Uint64(body)
		if at > uint64(r.size) { //nolint:gosec // It is not negative.
			return fmt.Errorf("%w: bytes are for offset %d of a file of %d", ErrProtocol, at, r.size)
		}
		n, err := r.file.WriteAt(body[8:], int64(at)) //nolint:gosec // Checked.
		r.size = max(r.size, int64(at)+int64(n))      //nolint:gosec // Checked.
		return err
	case kindFlushed, kindSegmentEnd:
		var s capture.SegmentStats
		if err := readJSON(body, &s); err != nil {
			return err
		}
		if s.Frames < 0 || s.Duration < 0 || s.Duration > maxPTS {
			return fmt.Errorf("%w: a segment of %d frames, %v", ErrProtocol, s.Frames, s.Duration)
		}
		if r.file == nil {
			return fmt.Errorf("%w: statistics of a segment that has not begun", ErrProtocol)
		}
		if k == kindFlushed {
			return r.files.Flushed(s)
		}
		r.file = nil
		return r.files.End(s)
	case kindWaiting:
		return nil
	case kindNote:
		p.note(body)
		return nil
	}
	return fmt.Errorf("%w: a message of kind %d", ErrProtocol, k)
}
