package preprocess

import (
	"fmt"
	"math"
	"time"
	"vigil/video"
)

// WindowConfig says which pictures become cuboids.
type WindowConfig struct {
	Side int // S of the pictures
	// Hop is from the start of one cuboid to the start of the next, in pictures that the model sees; below 1 it is
	// CuboidFrames: cuboids side by side.
	Hop int
	// FPS is the rate that the model wants; 0 takes every picture. Of a faster source so many are left out that the
	// mean rate is this one (see sampler). That is no gap.
	FPS float64
	// SourceFPS is what the source says of itself. Where that is 0 or absurd, and where the pictures' times say
	// otherwise, these times are believed instead.
	SourceFPS float64
	// Live makes steps of the arrival count as gaps too.
	Live bool
	// Early makes cuboids before 16 pictures have come, at the start and after a gap: of those there are, from the
	// second on, played to and fro so that the newest is the last. Each step is a real one, half of them backwards.
	// Else nothing would be seen for 16 pictures.
	Early bool
}

// Stats counts what a Window did.
type Stats struct {
	Pictures uint64 // that came
	Taken    uint64 // that the model may see
	Cuboids  uint64 // that were given out, of 16 pictures
	Early    uint64 // likewise, of fewer
	Gaps     uint64 // after which the window started anew
}

// LongestPause is up to where a pause of a live source that lost no picture belongs to its rate: pictures that are
// held up on their way come in a burst behind it, and only both together say how many there are in a second.
const LongestPause = 5 * time.Second

// Window makes cuboids of a camera's pictures: 16 of them every Hop, evenly spaced to within a step of the source. No
// cuboid spans a gap. A gap is any of these: a cut, another opening, another picture size, a sequence number left out,
// a stream time that goes back or steps by more than twice the usual step, and for live sources an arrival that is
// later than arrivals ever are here (see rhythm). After a gap the window starts anew. It belongs to one goroutine.
type Window struct {
	cfg     WindowConfig
	rhythm  gapDetector
	sampler sampler
	stats   Stats
	account Account
	steps   uint64        // of the source that make its rate
	time    time.Duration // that they took

	ring  [video.CuboidFrames]video.Picture // the pictures taken since the last gap, their Gray our own
	taken int                               // how many since the last gap; the next goes to ring[taken%CuboidFrames]
	last  video.Picture                     // the latest picture; Gray is nil
	any   bool                              // last is one
	gap   bool                              // since the last cuboid
	least time.Duration                     // the shortest step of stream time since the last gap
	most  time.Duration                     // the longest
}

// NewWindow makes an empty window.
func NewWindow(cfg WindowConfig) *Window {
	if cfg.Hop < 1 {
		cfg.Hop = video.CuboidFrames
	}
	w := &Window{cfg: cfg, rhythm: newGapDetector(cfg.SourceFPS), sampler: sampler{want: cfg.FPS}}
	for i := range w.ring {
		w.ring[i].Gray = make([]byte, cfg.Side*cfg.Side)
	}
	w.restart()
	return w
}

// Stats gives the counts so far.
func (w *Window) Stats() Stats { return w.stats }

// Short says of a recording that has ended why no whole cuboid came of it; nil where one did.
func (w *Window) Short() error {
	switch s := w.stats; {
	case s.Cuboids > 0:
		return nil
	case s.Gaps > 0:
		return fmt.Errorf("no cuboid: %d frames with %d gaps between them, and nowhere %d in a row", s.Taken,
			s.Gaps, video.CuboidFrames)
	default:
		return fmt.Errorf("too short: %d frames, a cuboid needs %d", s.Taken, video.CuboidFrames)
	}
}

// Rates gives the rate of the source and that of the pictures that the model sees, in frames a second of stream time
// without the gaps, but with pauses up to LongestPause: what came so far, and before anything came what the source
// says of itself. Both are 0 while nothing is known.
func (w *Window) Rates() (source, seen float64) {
	source = w.rhythm.fps()
	n, _ := w.sampler.every(source)
	if w.steps >= warmUp && w.time > 0 {
		source = float64(w.steps) / w.time.Seconds()
		n = float64(w.stats.Pictures) / float64(w.stats.Taken)
	}
	return source, source / n
}

// Due reports whether the next picture may complete a cuboid. Where it cannot, Push needs none to fill.
func (w *Window) Due() bool { return (w.taken+1-video.CuboidFrames)%w.cfg.Hop == 0 }

// Push takes the next picture, whose Side is the window's, and copies what it needs of it. It fills c and returns
// true when this picture completes a cuboid that is due; c.X is reused where it is large enough.
func (w *Window) Push(p video.Picture, c *video.Cuboid) bool {
	w.stats.Pictures++
	var step time.Duration
	if w.any {
		step = p.PTS - w.last.PTS
		w.follow(&p, step)
	}
	w.last, w.any = p, true
	w.last.Gray = nil
	if !w.sampler.take(step, w.rhythm.fps()) {
		w.account.Unused++
		return false
	}
	slot := &w.ring[w.taken%video.CuboidFrames]
	copy(slot.Gray, p.Gray)
	p.Gray = slot.Gray
	*slot = p
	w.taken++
	w.stats.Taken++
	w.account.Waiting++
	if (w.taken-video.CuboidFrames)%w.cfg.Hop != 0 {
		return false
	}
	w.account.Due++
	early := w.taken < video.CuboidFrames
	if w.rhythm.fps() == 0 || early && (!w.cfg.Early || !w.even()) {
		w.account.Incomplete++
		return false
	}
	w.fill(c)
	w.account.gave(c.Pictures)
	if early {
		w.stats.Early++
	} else {
		w.stats.Cuboids++
	}
	w.gap = false
	return true
}

// follow takes note of the step to p and starts the window anew where it is a gap.
func (w *Window) follow(p *video.Picture, step time.Duration) {
	gap, known := false, w.rhythm.fps() > 0
	pause := w.cfg.Live && step >= 0 && step <= LongestPause
	if p.Opening != w.last.Opening {
		gap, known, pause = true, true, false
		w.rhythm = newGapDetector(w.cfg.SourceFPS) // another connection may have another rhythm
	} else {
		gap = p.Cut || p.Seq != w.last.Seq+1 || p.Width != w.last.Width || p.Height != w.last.Height
		pause = pause && !gap
		gap = w.rhythm.stream(step) || gap
		gap = w.cfg.Live && w.rhythm.arrival(p.Arrival.Sub(w.last.Arrival)) || gap
	}
	if gap {
		w.gap = true
		w.stats.Gaps++
	}
	if gap && pause {
		w.steps++
		w.time += step
	}
	// While the rate was not known every picture was taken. Where some are left out from now on, those before do not
	// belong to them, though that is no gap.
	if gap || !known && w.rhythm.fps() > 0 && w.sampler.picks(w.rhythm.fps()) {
		w.restart()
		return
	}
	w.least, w.most = min(w.least, step), max(w.most, step)
	w.steps++
	w.time += step
}

// restart lets the next picture be the first.
func (w *Window) restart() {
	w.taken = 0
	w.account.restarted()
	w.least, w.most = math.MaxInt64, 0
	w.sampler.restart()
}

// even says whether two pictures or more have been taken since the last gap, and no picture of the source came over
// twice as long after the one before as another: while the usual step is not known, a gap shows only so.
func (w *Window) even() bool { return w.taken >= 2 && w.least > 0 && w.most <= 2*w.least }

// fill writes the cuboid of the last 16 pictures taken, or of those there are.
func (w *Window) fill(c *video.Cuboid) {
	area := w.cfg.Side * w.cfg.Side
	if cap(c.X) < video.CuboidFrames*area {
		c.X = make([]float32, video.CuboidFrames*area)
	}
	c.X = c.X[:video.CuboidFrames*area]
	c.Pictures = min(w.taken, video.CuboidFrames)
	turn := c.Pictures - 1 // where going back from the newest one turns round
	for t := range video.CuboidFrames {
		ago := video.CuboidFrames - 1 - t
		back := ago % (2 * turn)
		p := &w.ring[(w.taken-1-min(back, 2*turn-back))%video.CuboidFrames]
		row := c.X[t*area : (t+1)*area]
		for i, v := range p.Gray {
			row[i] = scaled[v]
		}
		p = &w.ring[(w.taken-1-min(ago, turn))%video.CuboidFrames]
		c.Seq[t], c.PTS[t], c.Arrival[t] = p.Seq, p.PTS, p.Arrival
		c.Opening, c.Width, c.Height = p.Opening, p.Width, p.Height
	}
	c.Gap = w.gap
}

// scaled is grey/127.5 - 1 in single precision, step by step as the reference computes it.
var scaled = func() (table [256]float32) {
	for i := range table {
		quotient := float32(i) / 127.5
		table[i] = quotient - 1
	}
	return table
}()
