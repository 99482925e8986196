package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
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
	mu         sync.Mutex // held while a picture is processed; Engine.Update changes the settings in between
	slot       *slot
	box        *mailbox
	log        *slog.Logger
	health     *health
	stats      counters
	pauseState pauseState

	cuboid           *video.Cuboid
	nextSeq          uint64
	generation       int
	offset           time.Duration // added to the source's PTS, so that stream time never restarts
	last             video.Picture
	notes            map[string]bool    // logged so far
	fit              *fit               // nil without a calibration
	trust            *trust             // nil for a camera that is not checked
	sinceClip        clipless           // since the last clip
	armedCheckedAt   int64              // second of the last check of Armed
	windowStats      preprocess.Stats   // of the window, before its latest picture
	ratedPictures    uint64             // pictures of the opening whose rates are stored
	past             preprocess.Account // of the earlier windows
	pastGaps         uint64             // of the earlier windows
	pastRepaired     uint64             // likewise
	lastChange       time.Time          // arrival of the last picture that differed from its predecessor
	lastFrozenReopen time.Time          // when the source was last reopened because it was frozen
	uptime           time.Duration      // how long the latest opening delivered pictures
}

func newReader(c Camera, box *mailbox, log *slog.Logger, publish *thread.Queue) (*reader, error) {
	if err := c.checkBackground(); err != nil {
		return nil, fmt.Errorf("camera %s: %w", c.Name, err)
	}
	checked, err := newTrust(&c)
	if err != nil {
		return nil, fmt.Errorf("camera %s: %w", c.Name, err)
	}
	r := &reader{
		Camera: c, slot: newSlot(clipBytes(&c)), box: box, log: log, trust: checked,
		health: &health{camera: c.Name, log: log, publish: publish},
	}
	r.setCalibration()
	return r, nil
}

// remark returns the remark of a camera that is live.
func (c *Camera) remark() (string, errcode.Code) {
	if cal := c.Threshold.Calibration; cal != nil && cal.Reference == nil && !c.AlwaysTrusted && c.Uncalibrated == "" {
		return noReference, errcode.CalibrationNoReference
	}
	return "", ""
}

// noReference is the remark of a camera whose calibration has no Reference.
const noReference = "whether it is covered or moved is not checked: calibrate again"

// run reads until ctx is done or a recording ends. It returns an error for a recording that could not be read to its
// end, or that its calibration does not fit; a live source that fails is reopened, forever.
func (r *reader) run(ctx context.Context) error {
	wait := NewBackoff(r.RetryMin, r.RetryMax)
	for {
		r.health.set(alerts.StateConnecting, "")
		err := r.readUntilClosed(ctx)
		switch {
		case ctx.Err() != nil:
			reason, state := stopReason(ctx), alerts.StateStopped
			if reason == alerts.EndPaused {
				state = alerts.StatePaused
			}
			return r.finish(reason, state, nil)
		case err == nil:
			return r.finish(alerts.EndSourceEnded, alerts.StateEnded, nil)
		case !r.Live:
			return r.finish(alerts.EndSourceLost, alerts.StateFailed, err)
		}
		r.box.end(r.slot, alerts.EndSourceLost)
		r.stats.failures.Add(1)
		r.health.fail(alerts.StateFailing, err)
		retry.Sleep(ctx, wait.NextAfter(r.uptime))
	}
}

// finish logs and publishes the camera's final state.
func (r *reader) finish(reason alerts.EndReason, state alerts.State, err error) error {
	r.box.end(r.slot, reason)
	if err != nil {
		r.log.Error("camera failed", "error", errcode.CameraFailed.Default(err))
		r.health.fail(state, err)
	} else {
		r.log.Info("camera done", append([]any{"reason", reason}, r.snapshot().args()...)...)
		r.health.set(state, "")
	}
	return err
}

func (r *reader) open(ctx context.Context) (PictureSource, error) {
	o := OpenRequest{FirstSeq: r.nextSeq, Generation: r.generation, OnStall: r.onStall, Note: r.note}
	if info := r.stats.info.Load(); info != nil {
		o.FPSHint = info.FPS
	}
	if r.Pictures == nil {
		return openInProcess(ctx, &r.Camera, o)
	}
	p, err := r.Pictures(ctx, o)
	if err == nil && r.Media != nil {
		s, _ := p.(StillSource)
		r.Media.attach(s)
	}
	return p, err
}

// onStall is called when the source has delivered no picture for the time since.
func (r *reader) onStall(since time.Duration) {
	r.health.set(alerts.StateStalled, fmt.Sprintf("no picture for %v", since.Round(100*time.Millisecond)))
}

// maxNotes limits how many different notes of one source are logged.
const maxNotes = 100

// note logs a note of the source, once for each text.
func (r *reader) note(text string) {
	if r.notes[text] || len(r.notes) >= maxNotes {
		return
	}
	if r.notes == nil {
		r.notes = map[string]bool{}
	}
	r.notes[text] = true
	r.log.Warn("note of the source", "note", text, errcode.Key, errcode.CameraNote)
}

// readUntilClosed opens the source once and reads it until it ends (nil) or fails.
func (r *reader) readUntilClosed(ctx context.Context) (err error) {
	r.generation++
	r.uptime, r.lastChange = 0, time.Time{}
	source, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		r.pauseState.attach(nil)
		if r.Media != nil {
			r.Media.attach(nil)
		}
		err = errors.Join(err, source.Close())
	}()
	r.pauseState.attach(source)
	info := source.Info()
	r.logOpened(info)
	window := preprocess.NewWindow(preprocess.WindowConfig{
		Side: r.Model.Spec().Side, Hop: r.Hop, FPS: r.FPS, SourceFPS: info.FPS, Live: r.Live,
		PartialClips: r.PartialClips,
	})
	r.windowStats = preprocess.Stats{}
	defer r.addPastCounts(window)
	r.mu.Lock()
	if r.fit != nil {
		r.fit.reopened()
		r.expectRate(info.FPS)
	}
	r.mu.Unlock()
	defer r.storeRates(window)
	var began time.Time
	damage := damageCounter{total: &r.stats.decodeErrors}
	damage.source, _ = source.(DecodeErrorCounter)
	for {
		pic, err := source.Next(ctx)
		damaged := damage.update()
		switch {
		case errors.Is(err, io.EOF) && !r.Live:
			r.mu.Lock()
			defer r.mu.Unlock()
			return errors.Join(window.NoCuboidError(), r.checkFit(true))
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
		if began.IsZero() {
			began = pic.Arrival
		}
		r.uptime = pic.Arrival.Sub(began)
		if err := r.process(ctx, window, &pic, damaged); err != nil {
			return err
		}
	}
}

// process processes one picture. damaged is the number of damaged frames between it and the one before.
func (r *reader) process(ctx context.Context, window *preprocess.Window, pic *video.Picture, damaged uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.skipWhilePaused(pic) {
		return nil
	}
	r.stats.frames.Add(1)
	left := pic.Seq - r.nextSeq
	r.stats.missing.Add(left - min(left, damaged))
	r.sinceClip.missing += left
	r.checkArmed(pic.Arrival)
	if err := r.checkFrozen(pic); err != nil {
		return err
	}
	return r.push(ctx, window, *pic)
}

func (r *reader) logOpened(info video.Info) {
	before := r.stats.info.Swap(&info)
	r.stats.openings.Add(1)
	level := slog.LevelInfo
	if before != nil && *before == info {
		level = slog.LevelDebug // unchanged after a reopening; health logs failures
	}
	r.log.Log(context.Background(), level, "source open", "opening", r.generation, "width", info.Width, "height",
		info.Height, "fps", info.FPS)
}

// push processes one picture, up to the mailbox.
func (r *reader) push(ctx context.Context, window *preprocess.Window, pic video.Picture) error {
	if r.last.Generation != 0 && (pic.Generation != r.last.Generation || pic.PTS < r.last.PTS) {
		r.offset += r.last.PTS + max(pic.Arrival.Sub(r.last.Arrival), time.Millisecond) - pic.PTS
	}
	before := r.last
	r.last, r.last.Gray = pic, nil
	r.nextSeq = pic.Seq + 1
	if r.cuboid == nil {
		r.cuboid = r.box.buffer(r.slot, window.Due())
	}
	complete := window.Push(pic, r.cuboid)
	gap := window.Stats().Gaps != r.windowStats.Gaps
	r.observe(window, &pic, before)
	at := pic.PTS + r.offset
	if r.OnPicture != nil {
		r.OnPicture(&pic, at, gap)
	}
	r.checkTrust(&pic, at, gap)
	if !complete {
		r.noClip(&pic)
		return nil
	}
	r.gotClip()
	c := r.cuboid
	r.logRates(window, c)
	// The window sees the source's own clock, so that a step back is a gap; no cuboid spans one, so all frames of this
	// cuboid have the same offset.
	for i := range c.PTS {
		c.PTS[i] += r.offset
	}
	if s := window.Stats(); r.generation > 1 && s.Cuboids+s.Partial == 1 {
		c.Gap = true
	}
	if r.Media != nil {
		r.Media.input.add(c, r.Hop > video.CuboidFrames)
	}
	held, err := r.checkCalibration(c)
	if err != nil {
		r.stats.dropped.Add(1)
		return err
	}
	c.Doubt = r.trust != nil && r.trust.doubt
	r.cuboid = nil
	if !r.Lossless {
		r.box.put(r.slot, c, held)
		return nil
	}
	if err := r.box.putWait(ctx, r.slot, c, held); err != nil {
		r.stats.dropped.Add(1)
		return err
	}
	return nil
}

// observe records what the window did with a picture.
func (r *reader) observe(window *preprocess.Window, pic *video.Picture, before video.Picture) {
	r.updateCounts(window)
	s := window.Stats()
	r.sinceClip.sampled += s.Sampled - r.windowStats.Sampled
	r.sinceClip.gaps += s.Gaps - r.windowStats.Gaps
	if r.fit != nil {
		if pic.Seq != before.Seq+1 || pic.PTS < before.PTS || pic.PTS-before.PTS > preprocess.LongestPause &&
			s.Gaps != r.windowStats.Gaps {
			r.fit.meter.gap()
		}
		if s.Sampled != r.windowStats.Sampled {
			r.fit.meter.add(pic.PTS)
		}
	}
	r.windowStats = s
}
