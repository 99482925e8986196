package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"vigil/alerts"
	"vigil/capture"
	"vigil/preprocess"
)

// misfitError is a source that the camera's settings do not fit: opening it again would change nothing.
type misfitError struct{ error }

// watcher runs one camera: it opens the source, makes cuboids and leaves them at the scorer's border.
type watcher struct {
	Camera
	index  int
	box    *mailbox
	log    *slog.Logger
	health *health
	stats  counters

	failed  atomic.Pointer[error] // why the scorer gave this camera up
	cuboid  *preprocess.Cuboid
	nextSeq uint64
	opening int
	offset  time.Duration // added to the stream's own clock, so that stream time never restarts
	last    preprocess.Picture
	notes   map[string]bool // that were logged
	fitted  [3]int          // the opening and size that the calibration was last checked for
	gap     bool            // the next cuboid comes after one
	fresh   time.Time       // arrival of the last picture that differed from the one before it
	thawed  time.Time       // when the source was last opened again because it was frozen
	good    time.Duration   // how long the latest opening delivered pictures
}

func newWatcher(c Camera, index int, box *mailbox, log *slog.Logger, publish *publisher) *watcher {
	return &watcher{
		Camera: c, index: index, box: box, log: log,
		health: &health{camera: c.Name, log: log, publish: publish},
	}
}

// run watches until ctx is done or a recording ends. It returns an error for a recording that could not be read to its
// end and for a camera that cannot be scored; a live source that breaks is opened again, for ever.
func (w *watcher) run(ctx context.Context) error {
	retry := backoff{least: w.RetryMin, most: w.RetryMax}
	for {
		w.health.set(alerts.StateConnecting, "")
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
		w.stats.failures.Add(1)
		w.health.set(alerts.StateFailing, err.Error())
		select {
		case <-ctx.Done():
		case <-time.After(retry.next(w.good)):
		}
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
	w.health.set(state, detail)
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

func (w *watcher) open(ctx context.Context) (Pictures, error) {
	o := Opening{FirstSeq: w.nextSeq, Number: w.opening, Quiet: w.quiet, Note: w.note}
	if info := w.stats.info.Load(); info != nil {
		o.KnownFPS = info.FPS
	}
	if w.Pictures == nil {
		return openHere(ctx, &w.Camera, o)
	}
	p, err := w.Pictures(ctx, o)
	if err == nil && w.Footage != nil {
		s, _ := p.(stills)
		w.Footage.attach(s)
	}
	return p, err
}

// quiet is the source's word that nothing has come for so long.
func (w *watcher) quiet(since time.Duration) {
	w.health.set(alerts.StateStalled, fmt.Sprintf("no picture for %v", since.Round(100*time.Millisecond)))
}

// maxNotes is how many different notes of one source are logged.
const maxNotes = 100

// note logs what the source has to say beside its pictures, each thing once.
func (w *watcher) note(text string) {
	if w.notes[text] || len(w.notes) >= maxNotes {
		return
	}
	if w.notes == nil {
		w.notes = map[string]bool{}
	}
	w.notes[text] = true
	w.log.Warn("source", "note", text)
}

// watch opens the source once and reads it until it ends (nil) or breaks.
func (w *watcher) watch(ctx context.Context) (err error) {
	w.opening++
	w.good, w.fresh = 0, time.Time{}
	source, err := w.open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if w.Footage != nil {
			w.Footage.attach(nil)
		}
		err = errors.Join(err, source.Close())
	}()
	info := source.Info()
	w.sayOpen(info)
	window := preprocess.NewWindow(preprocess.WindowConfig{
		Side: w.Model.Spec().Side, Hop: w.Hop, FPS: w.FPS, SourceFPS: info.FPS, Live: w.Live, Early: w.Early,
	})
	var began time.Time
	for {
		pic, err := source.Next(ctx)
		switch {
		case errors.Is(err, io.EOF) && !w.Live:
			return w.tooShort(window)
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
		if began.IsZero() {
			began = pic.Arrival
		}
		w.good = pic.Arrival.Sub(began)
		w.stats.frames.Add(1)
		w.stats.missing.Add(pic.Seq - w.nextSeq)
		if err := w.failure(); err != nil {
			return err
		}
		if err := w.alive(&pic); err != nil {
			return err
		}
		if err := w.push(ctx, window, pic); err != nil {
			return err
		}
	}
}

func (w *watcher) sayOpen(info capture.Info) {
	before := w.stats.info.Swap(&info)
	w.stats.openings.Add(1)
	level := slog.LevelInfo
	if before != nil && *before == info {
		level = slog.LevelDebug // it comes and goes, and health says so
	}
	w.log.Log(context.Background(), level, "source open", "opening", w.opening, "width", info.Width, "height", info.Height, "fps", info.FPS)
}

// push takes one frame as far as the scorer's border.
func (w *watcher) push(ctx context.Context, window *preprocess.Window, pic preprocess.Picture) error {
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
	if s := window.Stats(); w.opening > 1 && s.Cuboids+s.Early == 1 {
		c.Gap = true
	}
	if w.Footage != nil {
		w.Footage.input.add(c, w.Hop > preprocess.Frames)
	}
	c.Gap = c.Gap || w.gap
	switch err := w.fits(c); {
	case err != nil && c.Pictures < preprocess.Frames:
		// A few pictures may be wrong about the rate; the first whole cuboid decides. Until then nothing is judged.
		w.gap = c.Gap
		return nil
	case err != nil:
		return err
	}
	w.cuboid, w.gap = nil, false
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
	if c.Gap {
		w.fitted = [3]int{}
	}
	if w.Threshold.Calibration == nil || w.fitted == seen {
		return nil
	}
	key := w.Key()
	key.Width, key.Height, key.FPS = c.Width, c.Height, c.FPS()
	if err := w.Threshold.Calibration.Check(key); err != nil {
		return misfitError{err}
	}
	if c.Pictures == preprocess.Frames {
		w.fitted = seen
	}
	return nil
}

func isMisfit(err error) bool {
	_, ok := errors.AsType[misfitError](err)
	return ok
}

// tooShort is the error for a recording that ended before the first cuboid was full.
func (w *watcher) tooShort(window *preprocess.Window) error {
	s := window.Stats()
	if s.Cuboids > 0 {
		return nil
	}
	if s.Gaps > 0 {
		return fmt.Errorf("no cuboid: %d frames with %d gaps between them, and nowhere %d in a row", s.Taken, s.Gaps, preprocess.Frames)
	}
	return fmt.Errorf("too short: %d frames, a cuboid needs %d", s.Taken, preprocess.Frames)
}
