package preprocess

import (
	"math"
	"time"
)

// WindowConfig says which pictures become cuboids.
type WindowConfig struct {
	Side int // S of the pictures
	// Hop is from the start of one cuboid to the start of the next, in pictures that the model sees; below 1 it is
	// Frames: cuboids side by side.
	Hop int
	// FPS is the rate that the model wants; 0 takes every picture. Of a faster source every n-th picture is taken,
	// n = round(source's rate / FPS), at least 1. That is no gap.
	FPS float64
	// SourceFPS is what the source says of itself. Where that is 0 or absurd, and where the pictures' times say
	// otherwise, the median step of these times is believed instead.
	SourceFPS float64
	// Live makes steps of the arrival count as gaps too.
	Live bool
	// Early makes cuboids before 16 pictures have come, at the start and after a gap: of those there are, from the second on, played to and
	// fro so that the newest is the last. Each step is a real one, half of them backwards. Else nothing would be seen for 16 pictures.
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

// Window makes cuboids of a camera's pictures: 16 of them, evenly spaced, every Hop. No cuboid spans a gap. A gap is
// any of these: a cut, another opening, another picture size, a sequence number left out, a stream time that goes back or
// steps by more than twice the usual step, and for live sources an arrival that is later than arrivals ever are
// here (see rhythm). After a gap the window starts anew. It belongs to one goroutine.
type Window struct {
	cfg     WindowConfig
	rhythm  rhythm
	stride  int // every stride-th picture is taken; 0 until the source's rate is known
	stats   Stats
	account Account

	ring  [Frames]Picture // the pictures taken since the last gap, their Gray our own
	taken int             // how many since the last gap; the next goes to ring[taken%Frames]
	phase int             // pictures since the last one taken
	last  Picture         // the latest picture; Gray is nil
	any   bool            // last is one
	gap   bool            // since the last cuboid
}

// NewWindow makes an empty window.
func NewWindow(cfg WindowConfig) *Window {
	if cfg.Hop < 1 {
		cfg.Hop = Frames
	}
	w := &Window{cfg: cfg, rhythm: newRhythm(cfg.SourceFPS)}
	for i := range w.ring {
		w.ring[i].Gray = make([]byte, cfg.Side*cfg.Side)
	}
	w.setStride()
	return w
}

// Stats gives the counts so far.
func (w *Window) Stats() Stats { return w.stats }

// Push takes the next picture, whose Side is the window's, and copies what it needs of it. It fills c and returns
// true when this picture completes a cuboid that is due; c.X is reused where it is large enough.
func (w *Window) Push(p Picture, c *Cuboid) bool {
	w.stats.Pictures++
	if w.any {
		w.follow(&p)
	}
	w.last, w.any = p, true
	w.last.Gray = nil
	if w.phase > 0 && w.phase < max(w.stride, 1) {
		w.phase++
		w.account.Unused++
		return false
	}
	w.phase = 1
	slot := &w.ring[w.taken%Frames]
	copy(slot.Gray, p.Gray)
	p.Gray = slot.Gray
	*slot = p
	w.taken++
	w.stats.Taken++
	w.account.Waiting++
	if (w.taken-Frames)%w.cfg.Hop != 0 {
		return false
	}
	w.account.Due++
	early := w.taken < Frames
	if w.stride == 0 || early && (!w.cfg.Early || !w.even()) {
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
func (w *Window) follow(p *Picture) {
	var gap bool
	if p.Opening != w.last.Opening {
		gap = true
		w.rhythm = newRhythm(w.cfg.SourceFPS) // another connection may have another rhythm
	} else {
		gap = p.Cut || p.Seq != w.last.Seq+1 || p.Width != w.last.Width || p.Height != w.last.Height
		gap = w.rhythm.stream(p.PTS-w.last.PTS) || gap
		gap = w.cfg.Live && w.rhythm.arrival(p.Arrival.Sub(w.last.Arrival)) || gap
	}
	// Where the spacing of the pictures changes, those before and after do not belong together. That is no gap when
	// the spacing was not known before.
	if before := w.stride; w.setStride() {
		gap = gap || before != 0
		w.taken, w.phase = 0, 0
		w.account.restarted()
	}
	if gap {
		w.taken, w.phase, w.gap = 0, 0, true
		w.account.restarted()
		w.stats.Gaps++
	}
}

// even says whether there are two pictures or more, none of them over twice as far from the one before as another: while the usual step
// is not known, a gap shows only so.
func (w *Window) even() bool {
	if w.taken < 2 {
		return false
	}
	least, most := time.Duration(math.MaxInt64), time.Duration(0)
	for i := 1; i < min(w.taken, Frames); i++ {
		step := w.ring[i].PTS - w.ring[i-1].PTS
		least, most = min(least, step), max(most, step)
	}
	return least > 0 && most <= 2*least
}

// setStride says whether the pictures taken so far have another spacing than those to come.
func (w *Window) setStride() bool {
	before, now := w.stride, 0
	if fps := w.rhythm.fps(); fps > 0 {
		now = 1
		if w.cfg.FPS > 0 {
			now = int(max(1, math.Round(fps/w.cfg.FPS)))
		}
	}
	w.stride = now
	return max(before, 1) != max(now, 1)
}

// fill writes the cuboid of the last 16 pictures taken, or of those there are.
func (w *Window) fill(c *Cuboid) {
	area := w.cfg.Side * w.cfg.Side
	if cap(c.X) < Frames*area {
		c.X = make([]float32, Frames*area)
	}
	c.X = c.X[:Frames*area]
	c.Pictures = min(w.taken, Frames)
	turn := c.Pictures - 1 // where going back from the newest one turns round
	for t := range Frames {
		ago := Frames - 1 - t
		back := ago % (2 * turn)
		p := &w.ring[(w.taken-1-min(back, 2*turn-back))%Frames]
		row := c.X[t*area : (t+1)*area]
		for i, v := range p.Gray {
			row[i] = scaled[v]
		}
		p = &w.ring[(w.taken-1-min(ago, turn))%Frames]
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
