package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/internal/errcode"
	"vigil/internal/retry"
	"vigil/preprocess"
	"vigil/video"
)

// reader runs one camera: it opens the source, makes cuboids and puts them into the mailbox.
type reader struct {
	Camera
	index  int
	box    *mailbox
	log    *slog.Logger
	health *health
	stats  counters
	turn   turn

	cuboid           *video.Cuboid
	nextSeq          uint64
	generation       int
	offset           time.Duration // added to the source's PTS, so that stream time never restarts
	last             video.Picture
	notes            map[string]bool    // logged so far
	fit              *fit               // nil without a calibration
	without          clipless           // since the last clip
	armedAt          int64              // second of the last check of Armed
	seen             preprocess.Stats   // of the window, before its latest picture
	rated            uint64             // pictures of the opening whose rates are stored
	past             preprocess.Account // of the earlier windows
	pastGaps         uint64             // of the earlier windows
	lastChange       time.Time          // arrival of the last picture that differed from its predecessor
	lastFrozenReopen time.Time          // when the source was last reopened because it was frozen
	uptime           time.Duration      // how long the latest opening delivered pictures
}

func newReader(c Camera, index int, box *mailbox, log *slog.Logger, publish *thread.Queue) *reader {
	w := &reader{
		Camera: c, index: index, box: box, log: log,
		health: &health{camera: c.Name, log: log, publish: publish},
	}
	if cal := c.Threshold.Calibration; cal != nil {
		w.fit = &fit{key: cal.Key, live: c.Live}
	}
	return w
}

// run reads until ctx is done or a recording ends. It returns an error for a recording that could not be read to its
// end, or that its calibration does not fit; a live source that fails is reopened, forever.
func (w *reader) run(ctx context.Context) error {
	wait := NewBackoff(w.RetryMin, w.RetryMax)
	for {
		w.health.set(alerts.StateConnecting, "")
		err := w.readUntilClosed(ctx)
		switch {
		case ctx.Err() != nil:
			return w.finish(alerts.EndStopped, alerts.StateStopped, nil)
		case err == nil:
			return w.finish(alerts.EndSourceEnded, alerts.StateEnded, nil)
		case !w.Live:
			return w.finish(alerts.EndSourceLost, alerts.StateFailed, err)
		}
		w.box.end(w.index, alerts.EndSourceLost)
		w.stats.failures.Add(1)
		w.health.fail(alerts.StateFailing, err)
		retry.Sleep(ctx, wait.NextAfter(w.uptime))
	}
}

// finish logs and publishes the camera's final state.
func (w *reader) finish(reason alerts.EndReason, state alerts.State, err error) error {
	w.box.end(w.index, reason)
	if err != nil {
		w.log.Error("camera failed", "error", err)
		w.health.fail(state, err)
	} else {
		w.log.Info("camera done", append([]any{"reason", reason}, w.snapshot().args()...)...)
		w.health.set(state, "")
	}
	return err
}

func (w *reader) open(ctx context.Context) (PictureSource, error) {
	o := OpenRequest{FirstSeq: w.nextSeq, Number: w.generation, OnStall: w.onStall, Note: w.note}
	if info := w.stats.info.Load(); info != nil {
		o.FPSHint = info.FPS
	}
	if w.Pictures == nil {
		return openInProcess(ctx, &w.Camera, o)
	}
	p, err := w.Pictures(ctx, o)
	if err == nil && w.Media != nil {
		s, _ := p.(StillSource)
		w.Media.attach(s)
	}
	return p, err
}

// onStall is called when the source has delivered no picture for so long.
func (w *reader) onStall(since time.Duration) {
	w.health.set(alerts.StateStalled, fmt.Sprintf("no picture for %v", since.Round(100*time.Millisecond)))
}

// maxNotes limits how many different notes of one source are logged.
const maxNotes = 100

// note logs a note of the source, once for each text.
func (w *reader) note(text string) {
	if w.notes[text] || len(w.notes) >= maxNotes {
		return
	}
	if w.notes == nil {
		w.notes = map[string]bool{}
	}
	w.notes[text] = true
	w.log.Warn("source", "note", text, errcode.Key, errcode.CameraNote)
}

// readUntilClosed opens the source once and reads it until it ends (nil) or fails.
func (w *reader) readUntilClosed(ctx context.Context) (err error) {
	w.generation++
	w.uptime, w.lastChange = 0, time.Time{}
	source, err := w.open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		w.turn.attach(nil)
		if w.Media != nil {
			w.Media.attach(nil)
		}
		err = errors.Join(err, source.Close())
	}()
	w.turn.attach(source)
	info := source.Info()
	w.logOpened(info)
	window := preprocess.NewWindow(preprocess.WindowConfig{
		Side: w.Model.Spec().Side, Hop: w.Hop, FPS: w.FPS, SourceFPS: info.FPS, Live: w.Live, Early: w.PartialClips,
	})
	w.seen = preprocess.Stats{}
	defer w.settle(window)
	if w.fit != nil {
		w.fit.reopened()
	}
	defer w.keepRates(window)
	var began time.Time
	for {
		pic, err := source.Next(ctx)
		switch {
		case errors.Is(err, io.EOF) && !w.Live:
			return errors.Join(window.Short(), w.checkFit(true))
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
		if began.IsZero() {
			began = pic.Arrival
		}
		w.uptime = pic.Arrival.Sub(began)
		if w.skipWhilePaused(&pic) {
			continue
		}
		w.stats.frames.Add(1)
		w.stats.missing.Add(pic.Seq - w.nextSeq)
		w.without.missing += pic.Seq - w.nextSeq
		w.checkArmed(pic.Arrival)
		if err := w.checkFrozen(&pic); err != nil {
			return err
		}
		if err := w.push(ctx, window, pic); err != nil {
			return err
		}
	}
}

func (w *reader) logOpened(info video.Info) {
	before := w.stats.info.Swap(&info)
	w.stats.openings.Add(1)
	level := slog.LevelInfo
	if before != nil && *before == info {
		level = slog.LevelDebug // unchanged after a reopening; health logs failures
	}
	w.log.Log(context.Background(), level, "source open", "opening", w.generation, "width", info.Width, "height",
		info.Height, "fps", info.FPS)
}

// push processes one picture, up to the mailbox.
func (w *reader) push(ctx context.Context, window *preprocess.Window, pic video.Picture) error {
	if w.last.Opening != 0 && (pic.Opening != w.last.Opening || pic.PTS < w.last.PTS) {
		w.offset += w.last.PTS + max(pic.Arrival.Sub(w.last.Arrival), time.Millisecond) - pic.PTS
	}
	before := w.last
	w.last, w.last.Gray = pic, nil
	w.nextSeq = pic.Seq + 1
	if w.cuboid == nil {
		w.cuboid = w.box.buffer(w.index, window.Due())
	}
	complete := window.Push(pic, w.cuboid)
	w.observe(window, &pic, before)
	if !complete {
		w.noClip(&pic)
		return nil
	}
	w.anyClip()
	c := w.cuboid
	w.noteRates(window, c)
	// The window sees the source's own clock, so that a step back is a gap; no cuboid spans one, so all frames of this
	// cuboid have the same offset.
	for i := range c.PTS {
		c.PTS[i] += w.offset
	}
	if s := window.Stats(); w.generation > 1 && s.Cuboids+s.Early == 1 {
		c.Gap = true
	}
	if w.Media != nil {
		w.Media.input.add(c, w.Hop > video.CuboidFrames)
	}
	held, err := w.checkCalibration(c)
	if err != nil {
		w.stats.dropped.Add(1)
		return err
	}
	w.cuboid = nil
	if !w.Lossless {
		w.box.put(w.index, c, held)
		return nil
	}
	if err := w.box.putWait(ctx, w.index, c, held); err != nil {
		w.stats.dropped.Add(1)
		return err
	}
	return nil
}

// observe records what the window did with a picture.
func (w *reader) observe(window *preprocess.Window, pic *video.Picture, before video.Picture) {
	w.account(window)
	s := window.Stats()
	w.without.taken += s.Taken - w.seen.Taken
	w.without.gaps += s.Gaps - w.seen.Gaps
	if w.fit != nil {
		if pic.Seq != before.Seq+1 || pic.PTS < before.PTS || pic.PTS-before.PTS > preprocess.LongestPause &&
			s.Gaps != w.seen.Gaps {
			w.fit.meter.gap()
		}
		if s.Taken != w.seen.Taken {
			w.fit.meter.add(pic.PTS)
		}
	}
	w.seen = s
}
