package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"vigil/alerts"
	"vigil/capture"
	"vigil/model"
	"vigil/preprocess"
)

// Stream is an opened source of frames: a file, a folder, a live camera.
type Stream interface {
	Info() capture.Info
	// Read fills f, or returns io.EOF at the end of a recording.
	Read(ctx context.Context, f *capture.Frame) error
	Close() error
}

// Preparer makes a frame into the model's grey picture.
type Preparer interface {
	Prepare(f *capture.Frame) (preprocess.Picture, error)
	Close() error
}

// Camera is one source with everything that it is judged by.
type Camera struct {
	Name string
	// Open opens the source for the n-th time, from 1; its frames are numbered from firstSeq.
	Open func(ctx context.Context, firstSeq uint64, opening int) (Stream, error)
	// NewPreparer returns the camera's own preparer for the model's input side.
	NewPreparer func() (Preparer, error)

	Model     *model.Model
	Threshold Threshold
	// Live makes a source that breaks be opened again, for ever; a recording ends.
	Live bool
	// Whole makes the camera wait for the scorer, so that every cuboid of a recording is scored.
	Whole bool
	// FPS is the rate that the model sees, 0 for every frame; Hop is in those frames.
	FPS float64
	Hop int

	Mask     []preprocess.Polygon
	Zones    []Zone
	Detector DetectorConfig
	// Armed says whether events may be open at a time; nil for always.
	Armed func(time.Time) bool
	// RetryMin and RetryMax bound the pause before a live source is opened again.
	RetryMin, RetryMax time.Duration
}

// Zone is a named area; an event names the zones that it touches.
type Zone struct {
	Name string
	Area preprocess.Polygon
}

// Threshold is what raw errors are judged by. The zero value judges nothing: scores only, no events.
type Threshold struct {
	Lo, Theta   float64
	Calibration *Calibration // where Lo and Theta are from; nil if they were given as constants
}

// set reports whether there is anything to judge by.
func (t Threshold) set() bool { return t.Theta > t.Lo }

// goodSpell is how long a source must deliver before a failure counts as the first again.
const goodSpell = time.Minute

// misfitError is a source that the camera's settings do not fit: opening it again would change nothing.
type misfitError struct{ error }

// watcher runs one camera: it opens the source, makes cuboids and leaves them at the scorer's border.
type watcher struct {
	Camera
	index int
	box   *mailbox
	log   *slog.Logger
	stats counters

	publish *publisher
	failed  atomic.Pointer[error] // why the scorer gave this camera up
	cuboid  *preprocess.Cuboid
	nextSeq uint64
	opening int
	offset  time.Duration // added to the stream's own clock, so that stream time never restarts
	last    preprocess.Picture
	fitted  [3]int // the opening and size that the calibration was last checked for
}

// run watches until ctx is done or a recording ends. It returns an error for a recording that could not be read to its
// end and for a camera that cannot be scored; a live source that breaks is opened again, for ever.
func (w *watcher) run(ctx context.Context) error {
	pause := w.RetryMin
	for {
		began := time.Now()
		w.publish.state(w.Name, alerts.StateOpening, "")
		err := w.watch(ctx)
		switch {
		case ctx.Err() != nil:
			return w.leave(alerts.EndStopped, alerts.StateStopped, nil)
		case w.failure() != nil:
			return w.leave(alerts.EndStopped, alerts.StateFailed, w.failure())
		case err == nil:
			return w.leave(alerts.EndSourceEnded, alerts.StateEnded, nil)
		case !w.Live, isMisfit(err):
			return w.leave(alerts.EndSourceLost, alerts.StateFailed, err)
		}
		w.box.end(w.index, alerts.EndSourceLost)
		w.publish.state(w.Name, alerts.StateLost, err.Error())
		w.stats.failures.Add(1)
		if time.Since(began) > goodSpell {
			pause = w.RetryMin
		}
		w.log.Warn("source lost, opening it again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
		// Jitter, so that the cameras behind one switch do not come back all at once.
		case <-time.After(pause/2 + rand.N(pause/2+1)):
		}
		pause = min(2*pause, w.RetryMax)
	}
}

// leave says for the last time what became of the camera.
func (w *watcher) leave(reason alerts.EndReason, state alerts.State, err error) error {
	w.box.end(w.index, reason)
	detail := ""
	if err != nil {
		detail = err.Error()
		w.log.Error("camera failed", "error", err)
	} else {
		s := w.snapshot()
		w.log.Info("camera done", "reason", reason, "frames", s.Frames, "scored", s.Scored, "clips_skipped", s.Skipped, "events", s.Events)
	}
	w.publish.state(w.Name, state, detail)
	return err
}

// fail is the scorer's word that this camera's cuboids cannot be scored.
func (w *watcher) fail(err error) { w.failed.Store(&err) }

func (w *watcher) failure() error {
	if err := w.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// watch opens the source once and reads it until it ends (nil) or breaks.
func (w *watcher) watch(ctx context.Context) (err error) {
	w.opening++
	stream, err := w.Open(ctx, w.nextSeq, w.opening)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	info := stream.Info()
	w.stats.info.Store(&info)
	w.stats.openings.Add(1)
	w.log.Info("source open", "opening", w.opening, "width", info.Width, "height", info.Height, "fps", info.FPS)
	w.publish.state(w.Name, alerts.StateWatching, "")
	prep, err := w.NewPreparer()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, prep.Close()) }()
	window := preprocess.NewWindow(preprocess.WindowConfig{
		Side: w.Model.Spec().Side, Hop: w.Hop, FPS: w.FPS, SourceFPS: info.FPS, Live: w.Live,
	})
	var frame capture.Frame
	for {
		switch err := stream.Read(ctx, &frame); {
		case errors.Is(err, io.EOF) && !w.Live:
			return w.tooShort(window)
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
		w.stats.frames.Add(1)
		if err := w.failure(); err != nil {
			return err
		}
		if err := w.push(ctx, prep, window, &frame); err != nil {
			return err
		}
	}
}

// push takes one frame as far as the scorer's border.
func (w *watcher) push(ctx context.Context, prep Preparer, window *preprocess.Window, frame *capture.Frame) error {
	pic, err := prep.Prepare(frame)
	if err != nil {
		return fmt.Errorf("frame %d: %w", frame.Seq, err)
	}
	if w.last.Opening != 0 && (pic.Opening != w.last.Opening || pic.PTS < w.last.PTS) {
		w.offset += w.last.PTS + max(pic.Arrival.Sub(w.last.Arrival), time.Millisecond) - pic.PTS
	}
	w.last, w.last.Gray = pic, nil
	w.nextSeq = pic.Seq + 1
	if w.cuboid == nil {
		w.cuboid = w.box.buffer(w.index)
	}
	if !window.Push(pic, w.cuboid) {
		return nil
	}
	c := w.cuboid
	// The window sees the stream's own clock, so that a step back is a gap; no cuboid spans one, so all of this one's frames have
	// the same offset.
	for i := range c.PTS {
		c.PTS[i] += w.offset
	}
	if w.opening > 1 && window.Stats().Cuboids == 1 {
		c.Gap = true
	}
	if err := w.fits(c); err != nil {
		return err
	}
	w.cuboid = nil
	w.stats.clips.Add(1)
	if w.Whole {
		return w.box.putWait(ctx, w.index, c)
	}
	w.box.put(w.index, c)
	return nil
}

// fits checks the calibration against what the source really delivers: after each opening, gap and change of size.
func (w *watcher) fits(c *preprocess.Cuboid) error {
	seen := [3]int{c.Opening, c.Width, c.Height}
	if w.Threshold.Calibration == nil || w.fitted == seen && !c.Gap {
		return nil
	}
	key := w.Key()
	key.Width, key.Height, key.FPS = c.Width, c.Height, c.FPS()
	if err := w.Threshold.Calibration.Check(key); err != nil {
		return misfitError{err}
	}
	w.fitted = seen
	return nil
}

// Key is what the camera's settings say of a calibration's key; width, height and frame rate are the source's to say.
func (c *Camera) Key() Key {
	return Key{Camera: c.Name, Model: c.Model.Hash(), Mask: MaskHash(c.Mask), Hop: c.Hop}
}

func isMisfit(err error) bool {
	_, ok := errors.AsType[misfitError](err)
	return ok
}

// tooShort is the error for a recording that ended before the first cuboid was full.
func (w *watcher) tooShort(window *preprocess.Window) error {
	s := window.Stats()
	if w.stats.clips.Load() > 0 {
		return nil
	}
	if s.Gaps > 0 {
		return fmt.Errorf("no cuboid: %d frames with %d gaps between them, and nowhere %d in a row", s.Taken, s.Gaps, preprocess.Frames)
	}
	return fmt.Errorf("too short: %d frames, a cuboid needs %d", s.Taken, preprocess.Frames)
}
