package pipeline

import (
	"log/slog"
	"math"
	"time"
)

const (
	// turnTime is for how long a camera is paused at a time, and how often the load is looked at.
	turnTime = 10 * time.Second
	// tooMany is the share of the clips that were due of which more are skipped in overload; a machine's other work
	// skips some now and then.
	tooMany = 0.05
	// beginAfter and endAfter are how many times in a row it must be found before overload begins and ends.
	beginAfter, endAfter = 2, 6
)

// overload watches what the cameras ask of the machine, and pauses some where that is too much. It belongs to one
// goroutine.
type overload struct {
	watchers []*reader
	log      *slog.Logger
	hop      int // the smallest
	machine  func() machineTime
	before   load
	found    int       // times in a row, negative for those without
	on       bool      // it has been logged
	scored   []float64 // clips of each camera, as credit counts them; NaN for a camera that is new
	paused   int       // cameras
}

// machineTime is processor time since some moment: this process's, and what nobody used. ok is false where the system
// does not say.
type machineTime struct {
	own, idle time.Duration
	cores     float64
	ok        bool
}

// load is what was counted up to a moment.
type load struct {
	at                   time.Time
	machine              machineTime
	cameras              []cameraLoad
	due, skipped, scored uint64 // clips of all cameras
}

// cameraLoad is one camera's part of it.
type cameraLoad struct {
	source Pauser // nil for none
	paused bool
	cpu    time.Duration
	clips  uint64
	scored uint64
}

// newOverload takes what says how much processor time there was; nil for this machine.
func newOverload(watchers []*reader, log *slog.Logger, machine func() machineTime) *overload {
	if machine == nil {
		machine = readMachine
	}
	o := &overload{log: log, machine: machine}
	for _, w := range watchers {
		if w.Live {
			o.watchers, o.scored = append(o.watchers, w), append(o.scored, math.NaN())
			if o.hop == 0 || w.Hop < o.hop {
				o.hop = w.Hop
			}
		}
	}
	return o
}

// run looks at the load until done.
func (o *overload) run(done <-chan struct{}) {
	if len(o.watchers) == 0 {
		return
	}
	tick := time.NewTicker(turnTime)
	defer tick.Stop()
	for o.before = o.look(); ; {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		now := o.look()
		o.step(o.before, now)
		o.before = now
	}
}

// look counts.
func (o *overload) look() load {
	l := load{at: time.Now(), machine: o.machine()}
	for _, w := range o.watchers {
		s := w.snapshot()
		l.scored += s.Scored
		l.skipped += s.Skipped
		l.due += s.Clips
		c := cameraLoad{clips: s.Clips, scored: s.Scored}
		c.source, c.paused = w.turn.now()
		if c.source != nil {
			c.cpu = c.source.CPU()
		}
		l.cameras = append(l.cameras, c)
	}
	return l
}

// demandOf makes of two looks what the cameras ask for. Pauses begin and end just after a look. Where the system does
// not say what is taken only the cameras' number is known.
func demandOf(a, b load) (d demand) {
	seconds := b.at.Sub(a.at).Seconds()
	var watched, clips, decoding, paused, passing float64 // of cameras that were watched, and paused, all the time
	var all time.Duration                                 // that every process took
	for i, c := range b.cameras {
		if c.source == nil {
			continue
		}
		d.cameras++
		before := a.cameras[i]
		if before.source != c.source {
			all += c.cpu
			continue
		}
		all += c.cpu - before.cpu
		if c.paused {
			paused++
			passing += (c.cpu - before.cpu).Seconds()
			continue
		}
		watched++
		decoding += (c.cpu - before.cpu).Seconds()
		clips += float64(c.clips - before.clips)
	}
	if !a.machine.ok || !b.machine.ok || watched == 0 || seconds <= 0 {
		return d
	}
	own := b.machine.own - a.machine.own
	d.decoding = decoding / watched / seconds
	if paused > 0 {
		d.passing = passing / paused / seconds
	}
	if clips > 0 { // with a large hop there may be none
		// Where nothing was scored a clip costs more than there is.
		d.scoring = max(own.Seconds(), 0.001) / float64(b.scored-a.scored) * clips / watched / seconds
	}
	d.machine = min(b.machine.cores, (own+all+b.machine.idle-a.machine.idle).Seconds()/seconds)
	return d
}

// step follows up what was counted between two looks.
func (o *overload) step(a, b load) {
	d := demandOf(a, b)
	over := float64(b.skipped-a.skipped) > tooMany*float64(b.due-a.due)
	switch {
	case over:
		o.found = max(o.found, 0) + 1
	case o.paused == 0:
		o.found = min(o.found, 0) - 1
	}
	if !o.on && o.found < beginAfter {
		return
	}
	if o.on && o.found <= -endAfter {
		o.on = false
		o.log.Info("the cameras fit again: no clips are skipped for overload", "cameras", d.cameras)
		return
	}
	n := d.admit()
	if !over { // there may be room: that of the machine which nobody asked for is not known well
		n = max(n, min(d.cameras, d.cameras-o.paused+max(1, d.cameras/8)))
	}
	if !o.on {
		o.on = true
		o.log.Warn("overload: these cameras are too many for this machine, clips are skipped", "cameras", d.cameras,
			"watched_at_a_time", n,
			"would_fit", d.advice(o.hop))
	}
	o.turn(a, b, n)
}

// turn pauses all but n of the open cameras.
func (o *overload) turn(a, b load, n int) {
	var open []int
	var scored []float64
	var turn []turnScore
	for i, w := range o.watchers {
		now, before := b.cameras[i], a.cameras[i]
		if now.source == nil {
			w.pause(false)
			continue
		}
		open, scored = append(open, i), append(scored, o.scored[i])
		turn = append(turn, turnScore{float64(now.scored - before.scored), now.source == before.source && !now.paused})
	}
	credit(scored, turn)
	o.paused = 0
	for k, paused := range nextTurn(scored, n) {
		i := open[k]
		o.scored[i] = scored[k]
		o.watchers[i].pause(paused)
		if paused {
			o.paused++
		}
	}
}
