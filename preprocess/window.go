package preprocess

import (
	"fmt"
	"math"
	"time"

	"vigil/video"
)

// WindowConfig selects the pictures that become cuboids.
type WindowConfig struct {
	Side int // pictures are S x S pixels
	// Hop is the distance between the starts of two cuboids, in sampled pictures; below 1 it is video.CuboidFrames, so
	// that cuboids do not overlap.
	Hop int
	// FPS is the rate that the model wants; 0 takes every picture. Pictures of a faster source are skipped, so that the
	// mean rate is this one (see sampler). Skipping is not a gap.
	FPS float64
	// SourceFPS is the nominal rate of the source. It is replaced by the rate of the time stamps if it is 0 or
	// implausible, or if they disagree.
	SourceFPS float64
	// Live also detects gaps in arrival.
	Live bool
	// PartialClips makes cuboids of fewer than 16 pictures, from 2 on, at the start and after a gap. The pictures are
	// repeated forwards and backwards so that the newest is the last; each step is a real one, half of them reversed.
	// Otherwise nothing would be scored for 16 pictures.
	PartialClips bool
}

// Stats counts the pictures and cuboids of a Window.
type Stats struct {
	Pictures uint64 // pushed
	Sampled  uint64 // kept by the sampler
	Cuboids  uint64 // of 16 pictures
	Partial  uint64 // of fewer pictures
	Gaps     uint64 // after which the window restarted
}

// LongestPause is the longest pause of a live source without a lost picture that counts for its rate: delayed pictures
// arrive in a burst after it, and only both together give the rate.
const LongestPause = 5 * time.Second

// Window makes cuboids of a camera's pictures: 16 of them every Hop, evenly spaced to within a step of the source. No
// cuboid spans a gap. A gap is any of these: a cut, another opening, another picture size, a missing sequence number, a
// stream time that goes back or steps by more than twice the usual step, and for live sources an arrival that is
// unusually late (see gapDetector). The window restarts after a gap. It is not safe for concurrent use.
type Window struct {
	cfg      WindowConfig
	detector gapDetector
	sampler  sampler
	stats    Stats
	account  Account
	steps    uint64        // of the source, for its rate
	time     time.Duration // duration of these steps

	ring    [video.CuboidFrames]video.Picture // sampled since the last gap; the window owns their Gray
	kept    int                               // number since the last gap; the next goes to ring[kept%CuboidFrames]
	last    video.Picture                     // latest picture; Gray is nil
	started bool                              // last is set
	// repaired is kept at the last repair since the last gap, 0 for none; repairs counts all.
	repaired int
	repairs  uint64
	gap      bool          // since the last cuboid
	minStep  time.Duration // shortest step of stream time since the last gap
	maxStep  time.Duration // longest step
}

// NewWindow returns an empty window.
func NewWindow(cfg WindowConfig) *Window {
	if cfg.Hop < 1 {
		cfg.Hop = video.CuboidFrames
	}
	w := &Window{cfg: cfg, detector: newGapDetector(cfg.SourceFPS), sampler: sampler{wanted: cfg.FPS}}
	for i := range w.ring {
		w.ring[i].Gray = make([]byte, cfg.Side*cfg.Side)
	}
	w.restart()
	return w
}

// Stats returns the counts so far.
func (w *Window) Stats() Stats { return w.stats }

// NoCuboidError returns an error that explains why an ended recording gave no full cuboid; nil if it gave one.
func (w *Window) NoCuboidError() error {
	switch s := w.stats; {
	case s.Cuboids > 0:
		return nil
	case s.Gaps > 0:
		return fmt.Errorf("no cuboid: %d frames with %d gaps between them, and nowhere %d in a row", s.Sampled,
			s.Gaps, video.CuboidFrames)
	default:
		return fmt.Errorf("too short: %d frames, a cuboid needs %d", s.Sampled, video.CuboidFrames)
	}
}

// Rates returns the rate of the source and that of the sampled pictures, in frames a second of stream time without
// gaps, but with pauses up to LongestPause: measured, or at first the nominal rate. Both are 0 while unknown.
func (w *Window) Rates() (source, seen float64) {
	source = w.detector.fps()
	n, _ := w.sampler.ratio(source)
	if w.steps >= warmUp && w.time > 0 {
		source = float64(w.steps) / w.time.Seconds()
		n = float64(w.stats.Pictures) / float64(w.stats.Sampled)
	}
	return source, source / n
}

// Due reports whether the next picture may complete a cuboid. If not, Push needs no cuboid.
func (w *Window) Due() bool { return (w.kept+1-video.CuboidFrames)%w.cfg.Hop == 0 }

// Push adds the next picture, whose Side must be the window's, and copies its pixels. It fills c and returns true if
// this picture completes a cuboid; c.X is reused if it is large enough.
func (w *Window) Push(p video.Picture, c *video.Cuboid) bool {
	w.stats.Pictures++
	var step time.Duration
	if w.started {
		step = p.PTS - w.last.PTS
		w.observe(&p, step)
	}
	w.last, w.started = p, true
	w.last.Gray = nil
	if !w.sampler.keep(step, w.detector.fps()) {
		w.account.Unused++
		return false
	}
	slot := &w.ring[w.kept%video.CuboidFrames]
	copy(slot.Gray, p.Gray)
	p.Gray = slot.Gray
	*slot = p
	w.kept++
	w.stats.Sampled++
	w.account.Waiting++
	w.repair()
	if (w.kept-video.CuboidFrames)%w.cfg.Hop != 0 {
		return false
	}
	w.account.Due++
	partial := w.kept < video.CuboidFrames
	if w.detector.fps() == 0 || partial && (!w.cfg.PartialClips || !w.evenlySpaced()) {
		w.account.Incomplete++
		return false
	}
	w.writeCuboid(c)
	w.account.completed(c.Pictures)
	if partial {
		w.stats.Partial++
	} else {
		w.stats.Cuboids++
	}
	w.gap = false
	return true
}

// observe records the step to p and restarts the window at a gap.
func (w *Window) observe(p *video.Picture, step time.Duration) {
	gap, known := false, w.detector.fps() > 0
	pause := w.cfg.Live && step >= 0 && step <= LongestPause
	if p.Generation != w.last.Generation {
		gap, known, pause = true, true, false
		w.detector = newGapDetector(w.cfg.SourceFPS) // another connection may have other steps
	} else {
		gap = p.Discontinuity || p.Seq != w.last.Seq+1 || p.Width != w.last.Width || p.Height != w.last.Height
		pause = pause && !gap
		gap = w.detector.addStreamStep(step) || gap
		gap = w.cfg.Live && w.detector.addArrivalStep(p.Arrival.Sub(w.last.Arrival)) || gap
	}
	if gap {
		w.gap = true
		w.stats.Gaps++
	}
	if gap && pause {
		w.steps++
		w.time += step
	}
	// Every picture was taken while the rate was unknown. If some are skipped from now on, the earlier ones do not fit,
	// although there is no gap.
	if gap || !known && w.detector.fps() > 0 && w.sampler.skips(w.detector.fps()) {
		w.restart()
		return
	}
	w.minStep, w.maxStep = min(w.minStep, step), max(w.maxStep, step)
	w.steps++
	w.time += step
}

// restart makes the next picture the first.
func (w *Window) restart() {
	w.kept, w.repaired = 0, 0
	w.account.restarted()
	w.minStep, w.maxStep = math.MaxInt64, 0
	w.sampler.restart()
}

// evenlySpaced reports whether at least two pictures were taken since the last gap, and no step of the source is more
// than twice another: while the usual step is unknown, only that reveals a gap.
func (w *Window) evenlySpaced() bool { return w.kept >= 2 && w.minStep > 0 && w.maxStep <= 2*w.minStep }

// writeCuboid writes the cuboid of the last 16 pictures, or of fewer.
func (w *Window) writeCuboid(c *video.Cuboid) {
	area := w.cfg.Side * w.cfg.Side
	if cap(c.X) < video.CuboidFrames*area {
		c.X = make([]float32, video.CuboidFrames*area)
	}
	c.X = c.X[:video.CuboidFrames*area]
	c.Pictures = min(w.kept, video.CuboidFrames)
	turn := c.Pictures - 1 // the oldest picture's age, where the order reverses
	for t := range video.CuboidFrames {
		ago := video.CuboidFrames - 1 - t
		back := ago % (2 * turn)
		p := &w.ring[(w.kept-1-min(back, 2*turn-back))%video.CuboidFrames]
		row := c.X[t*area : (t+1)*area]
		for i, v := range p.Gray {
			row[i] = scaled[v]
		}
		p = &w.ring[(w.kept-1-min(ago, turn))%video.CuboidFrames]
		c.Seq[t], c.PTS[t], c.Arrival[t] = p.Seq, p.PTS, p.Arrival
		c.Generation, c.Width, c.Height = p.Generation, p.Width, p.Height
	}
	c.Gap = w.gap
}

// scaled is grey/127.5 - 1 in single precision, with the same roundings as the reference.
var scaled = func() (table [256]float32) {
	for i := range table {
		quotient := float32(i) / 127.5
		table[i] = quotient - 1
	}
	return table
}()
