package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"vigil/capture"
	"vigil/video"
)

// idle adds up the time in which nothing was received. A step counts for two ticks at most, so that a pause of this
// whole process is not blamed on the worker.
type idle struct {
	total time.Duration
	last  time.Time
}

func (i *idle) step(now time.Time) time.Duration {
	if !i.last.IsZero() {
		i.total += min(now.Sub(i.last), 2*tick)
	}
	i.last = now
	return i.total
}

const (
	// maxGap limits the jump in sequence numbers between frames.
	maxGap = 1 << 32
	// maxPTS bounds stream times, so that sums of them do not overflow.
	maxPTS = 50 * 365 * 24 * time.Hour
)

// Next returns the next picture; its Gray is valid until the next call. Whatever the worker does, Next returns within
// the read timeout and a few seconds, or when ctx is done. After an error the process must be closed.
func (p *Process) Next(ctx context.Context) (video.Picture, error) {
	for {
		k, body, err := p.receive(ctx, p.o.ReadTimeout+replyMargin)
		if err != nil {
			return video.Picture{}, err
		}
		switch k {
		case kindPicture:
			return p.picture(body)
		case kindPreview:
			err = p.preview(body)
		case kindStill:
			err = p.respond(body)
		case kindNote:
			p.note(body)
		case kindWaiting:
			err = p.awaitKeyFrame()
		case kindPaused:
			if p.paused.Load() { // else it was sent before the worker resumed
				p.idle, p.stalled = idle{}, false
			}
		default:
			err = fmt.Errorf("%w: a message of kind %d", ErrProtocol, k)
		}
		if err != nil {
			return video.Picture{}, err
		}
	}
}

func (p *Process) picture(body []byte) (video.Picture, error) {
	m, err := readPicture(body, p.o.Side)
	if err != nil {
		return video.Picture{}, err
	}
	switch {
	case m.seq < p.seq || m.seq-p.seq > maxGap:
		return video.Picture{}, fmt.Errorf("%w: frame %d after frame %d", ErrProtocol, m.seq, p.seq)
	case m.pts < -maxPTS || m.pts > maxPTS:
		return video.Picture{}, fmt.Errorf("%w: frame %d has the stream time %v", ErrProtocol, m.seq, m.pts)
	}
	if err := p.setDecodeErrors(m.errors); err != nil {
		return video.Picture{}, err
	}
	p.seq = m.seq + 1
	p.arrival = p.arrivalTime(m.arrival)
	p.idle, p.stalled = idle{}, false
	return video.Picture{
		Seq: m.seq, PTS: m.pts, Arrival: p.arrival, Generation: p.o.Generation, Width: int(m.width),
		Height: int(m.height),
		Side:   p.o.Side, Same: m.same, Discontinuity: m.discontinuity, Gray: m.gray,
	}, nil
}

// setDecodeErrors checks the worker's counters, which only grow.
func (p *Process) setDecodeErrors(e video.DecodeErrors) error {
	if e.Frames < p.errors.Frames || e.Frames-p.errors.Frames > maxGap ||
		e.Packets < p.errors.Packets || e.Packets-p.errors.Packets > maxGap {
		return fmt.Errorf("%w: %d frames and %d packets were damaged after %d and %d", ErrProtocol, e.Frames, e.Packets,
			p.errors.Frames, p.errors.Packets)
	}
	p.errors = e
	return nil
}

// awaitKeyFrame grants another read timeout while packets arrive without a key frame, a limited number of times.
func (p *Process) awaitKeyFrame() error {
	if p.keyFrameWaits++; p.keyFrameWaits >= capture.KeyFrameWaits {
		return fmt.Errorf("%w: too many messages that a key frame is awaited", ErrProtocol)
	}
	p.idle = idle{}
	return nil
}

// maxNotes limits how many notes of a worker are passed on.
const maxNotes = 32

// note passes on a note of the source, without anything that may be secret.
func (p *Process) note(body []byte) {
	if p.notes++; p.notes > maxNotes || p.o.Note == nil {
		return
	}
	p.o.Note(singleLine(p.o.Address.Scrub(string(body)), maxRemoteError))
}

// arrivalTime converts the worker's monotonicNanos to a time that is neither in the future nor before the last one.
func (p *Process) arrivalTime(at int64) time.Time {
	now := time.Now()
	t := now
	if ago := monotonicNanos() - at; ago > 0 {
		t = now.Add(-time.Duration(ago))
	}
	if t.Before(p.arrival) {
		t = p.arrival
	}
	return t
}

func (p *Process) preview(body []byte) error {
	seq, pts, at, jpeg, err := readPreview(body)
	if err != nil {
		return err
	}
	if seq >= p.seq || p.o.OnPreview == nil { // previews belong to frames that were delivered
		return nil
	}
	now := time.Now()
	arrival := now
	if ago := monotonicNanos() - at; ago > 0 && time.Duration(ago) < time.Minute {
		arrival = now.Add(-time.Duration(ago))
	}
	p.o.OnPreview(video.Preview{Seq: seq, PTS: pts, Arrival: arrival, JPEG: slices.Clone(jpeg)})
	return nil
}

// receive returns the next message. It returns an error if no picture, or no reply to opening, arrives within limit,
// and if the worker has exited, exceeds its memory limit, or sent kindEnd or an invalid message.
func (p *Process) receive(ctx context.Context, limit time.Duration) (kind, []byte, error) {
	k, body, err := p.wait(ctx, limit)
	p.broken = p.broken || errors.Is(err, ErrStalled) || errors.Is(err, ErrMemory) || errors.Is(err, ErrProtocol)
	return k, body, err
}

func (p *Process) wait(ctx context.Context, limit time.Duration) (kind, []byte, error) {
	for {
		now := time.Now()
		idle := p.idle.step(now)
		switch {
		case ctx.Err() != nil:
			return 0, nil, ctx.Err()
		case idle > limit:
			return 0, nil, fmt.Errorf("%w: nothing for %v, and the camera's process does not say why", ErrStalled,
				idle.Round(tick))
		}
		if p.o.OnStall != nil && !p.stalled && p.info.Width > 0 && idle > p.o.ReadTimeout/2 {
			p.stalled = true
			p.o.OnStall(idle)
		}
		if err := p.checkMemory(now); err != nil {
			return 0, nil, err
		}
		if err := p.out.SetReadDeadline(now.Add(tick)); err != nil {
			return 0, nil, err
		}
		k, body, err := p.dec.next(p.out)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case errors.Is(err, ErrProtocol):
			return 0, nil, err
		case err != nil:
			return 0, nil, p.exitError()
		case k == kindEnd:
			var e end
			if err := readJSON(body, &e); err != nil {
				return 0, nil, err
			}
			if err := p.setDecodeErrors(video.DecodeErrors{
				Frames:  e.DamagedFrames,
				Packets: e.DamagedPackets,
			}); err != nil {
				return 0, nil, err
			}
			return 0, nil, e.err(p.o.Address)
		}
		return k, body, nil
	}
}

func (p *Process) checkMemory(now time.Time) error {
	const every = time.Second
	if p.o.Memory <= 0 || now.Sub(p.memoryCheck) < every {
		return nil
	}
	p.memoryCheck = now
	if size := resident(p.PID()); size > p.o.Memory {
		return fmt.Errorf("%w: %d MiB, allowed are %d (key memory)", ErrMemory, size>>20, p.o.Memory>>20)
	}
	return nil
}

// errNoStill means that the worker keeps no picture of that time.
var errNoStill = errors.New("the camera's process keeps no picture of this time")

// still is a picture of full size and its frame; the zero value for none.
type still struct {
	jpeg []byte
	seq  uint64
}

// Still requests the full-size picture nearest to a frame, and returns it with its frame. Another goroutine must be in
// Next, which receives the response. It returns an error if the worker is closed or has no such picture.
func (p *Process) Still(ctx context.Context, seq uint64) (jpeg []byte, of uint64, err error) {
	id, reply, err := p.pending.request()
	if err != nil {
		return nil, 0, err
	}
	defer p.pending.forget(id)
	if err := p.write(encode(nil, kindStillRequest,
		func(b []byte) []byte { return appendStill(b, id, seq, nil) })); err != nil {
		return nil, 0, ErrDied
	}
	select {
	case got := <-reply:
		if len(got.jpeg) == 0 {
			return nil, 0, errNoStill
		}
		return got.jpeg, got.seq, nil
	case <-p.done:
		return nil, 0, ErrDied
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

// respond passes the worker's response to the request that is waiting for it.
func (p *Process) respond(body []byte) error {
	id, seq, jpeg, err := readStill(body)
	if err != nil {
		return err
	}
	return p.pending.respond(id, still{slices.Clone(jpeg), seq})
}

// maxPending bounds the open requests.
const maxPending = 64

func (r *pendingRequests) request() (uint64, <-chan still, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, nil, ErrDied
	}
	if len(r.open) >= maxPending {
		return 0, nil, errors.New("too many requests for pictures at a time")
	}
	if r.open == nil {
		r.open = map[uint64]chan still{}
	}
	r.last++
	reply := make(chan still, 1)
	r.open[r.last] = reply
	return r.last, reply, nil
}

// respond delivers the response if its request is still open; a response that was never requested is a protocol error.
func (r *pendingRequests) respond(id uint64, of still) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id == 0 || id > r.last {
		return fmt.Errorf("%w: a response to request %d, which was not sent", ErrProtocol, id)
	}
	if c, ok := r.open[id]; ok {
		delete(r.open, id)
		c <- of
	}
	return nil
}

func (r *pendingRequests) forget(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, id)
}

// close responds to all open requests with nothing.
func (r *pendingRequests) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for id, c := range r.open {
		delete(r.open, id)
		c <- still{}
	}
}
