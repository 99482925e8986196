package pipeline

import (
	"log/slog"
	"math"
	"slices"
	"time"

	"vigil/internal/errcode"
)

const (
	// turnTime is how long a camera is paused at a time, and the interval at which the load is measured.
	turnTime = 10 * time.Second
	// maxSkippedShare is the share of the due clips above which skipping counts as overload; other work on the machine
	// skips some now and then.
	maxSkippedShare = 0.05
	// startAfter and endAfter are the numbers of consecutive measurements that start and end overload.
	startAfter, endAfter = 2, 6
)

// overload measures the load of the live cameras, and pauses some if it is too high. It is not safe for concurrent use.
type overload struct {
	present func() []*reader // the cameras there are now
	readers []*reader        // of the live ones at the latest measurement
	log     *slog.Logger
	hop     int // smallest of the cameras
	machine func() machineTime
	before  load
	streak  int       // consecutive measurements with overload; negative without
	on      bool      // overload has been logged
	scored  []float64 // clips of each of the readers, see credit; NaN for a new camera
	paused  int       // number of paused cameras
}

// machineTime is processor time since an arbitrary moment: of this process, and idle. ok is false if unknown.
type machineTime struct {
	own, idle time.Duration
	cores     float64
	ok        bool
}

// load is a measurement of the counters.
type load struct {
	at      time.Time
	machine machineTime
	cameras []cameraLoad // of the readers
}

// cameraLoad is one camera's part of a load.
type cameraLoad struct {
	reader                 *reader
	source                 Pauser // nil for none
	paused                 bool
	cpu                    time.Duration
	clips, skipped, scored uint64
}

// newOverload uses machine to read processor time; nil for readMachine.
func newOverload(present func() []*reader, log *slog.Logger, machine func() machineTime) *overload {
	if machine == nil {
		machine = readMachine
	}
	return &overload{present: present, log: log, machine: machine}
}

// refresh takes up cameras that have come or gone.
func (o *overload) refresh() {
	var readers []*reader
	var scored []float64
	o.hop = 0
	for _, r := range o.present() {
		if !r.Live {
			continue
		}
		before := math.NaN()
		if i := slices.Index(o.readers, r); i >= 0 {
			before = o.scored[i]
		}
		readers, scored = append(readers, r), append(scored, before)
		if o.hop == 0 || r.Hop < o.hop {
			o.hop = r.Hop
		}
	}
	o.readers, o.scored = readers, scored
}

// run measures the load every turnTime until done.
func (o *overload) run(done <-chan struct{}) {
	tick := time.NewTicker(turnTime)
	defer tick.Stop()
	for o.before = o.measure(); ; {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		now := o.measure()
		o.step(o.before.of(now.cameras), now)
		o.before = now
	}
}

// measure measures the load.
func (o *overload) measure() load {
	o.refresh()
	l := load{at: time.Now(), machine: o.machine()}
	for _, r := range o.readers {
		s := r.snapshot()
		c := cameraLoad{reader: r, clips: s.Clips, skipped: s.Skipped, scored: s.Scored}
		c.source, c.paused = r.pauseState.state()
		if c.source != nil {
			c.cpu = c.source.CPU()
		}
		l.cameras = append(l.cameras, c)
	}
	return l
}

// of returns the measurement for these cameras, in their order. One that was not there has the zero value.
func (l load) of(cameras []cameraLoad) load {
	then := l.cameras
	l.cameras = make([]cameraLoad, len(cameras))
	for i, c := range cameras {
		if k := slices.IndexFunc(then, func(t cameraLoad) bool { return t.reader == c.reader }); k >= 0 {
			l.cameras[i] = then[k]
		}
	}
	return l
}

// clipsSince returns how many clips of all cameras were due, skipped and scored since a measurement of the same
// cameras.
func (l load) clipsSince(before load) (due, skipped, scored uint64) {
	for i, c := range l.cameras {
		was := before.cameras[i]
		due, skipped, scored = due+c.clips-was.clips, skipped+c.skipped-was.skipped, scored+c.scored-was.scored
	}
	return due, skipped, scored
}

// demandOf derives the cameras' demand from two measurements of the same cameras. Pauses begin and end just after a
// measurement. If processor time is unknown, only the number of cameras is set.
func demandOf(a, b load) (d demand) {
	seconds := b.at.Sub(a.at).Seconds()
	var read, clips, decoding, paused, discarding float64 // of cameras that were read, or paused, all the time
	var all time.Duration                                 // of all worker processes
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
			discarding += (c.cpu - before.cpu).Seconds()
			continue
		}
		read++
		decoding += (c.cpu - before.cpu).Seconds()
		clips += float64(c.clips - before.clips)
	}
	if !a.machine.ok || !b.machine.ok || read == 0 || seconds <= 0 {
		return d
	}
	own := b.machine.own - a.machine.own
	d.decoding = decoding / read / seconds
	if paused > 0 {
		d.discarding = discarding / paused / seconds
	}
	if clips > 0 { // with a large hop there may be none
		// If nothing was scored this is +Inf: a clip costs more than is available.
		_, _, scored := b.clipsSince(a)
		d.scoring = max(own.Seconds(), 0.001) / float64(scored) * clips / read / seconds
	}
	d.machine = min(b.machine.cores, (own+all+b.machine.idle-a.machine.idle).Seconds()/seconds)
	return d
}

// step starts, adjusts or ends overload after two measurements.
func (o *overload) step(a, b load) {
	d := demandOf(a, b)
	due, skipped, _ := b.clipsSince(a)
	over := float64(skipped) > maxSkippedShare*float64(due)
	switch {
	case over:
		o.streak = max(o.streak, 0) + 1
	case o.paused == 0:
		o.streak = min(o.streak, 0) - 1
	}
	if !o.on && o.streak < startAfter {
		return
	}
	if o.on && o.streak <= -endAfter {
		o.on = false
		o.log.Info("the cameras fit again: no clips are skipped for overload", "cameras", d.cameras)
		return
	}
	n := d.admit()
	if !over { // there may be room for more cameras: unused capacity is not known well
		n = max(n, min(d.cameras, d.cameras-o.paused+max(1, d.cameras/8)))
	}
	if !o.on {
		o.on = true
		o.log.Warn("overload: these cameras are too many for this machine, clips are skipped", "cameras", d.cameras,
			"read_at_a_time", n,
			"would_fit", d.advice(o.hop), errcode.Key, errcode.CameraOverloaded)
	}
	o.pauseCameras(a, b, n)
}

// pauseCameras pauses all but n of the open cameras.
func (o *overload) pauseCameras(a, b load, n int) {
	var open []int
	var scored []float64
	var turn []turnScore
	for i, r := range o.readers {
		now, before := b.cameras[i], a.cameras[i]
		if now.source == nil {
			r.pause(false)
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
		o.readers[i].pause(paused)
		if paused {
			o.paused++
		}
	}
}
