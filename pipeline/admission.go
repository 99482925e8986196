package pipeline

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Overload is shed in two ways. If only the model is too slow, the mailbox skips whole clips; that suffices as long as
// decoding leaves the scorer its share. If decoding takes more, whole cameras are paused in turn, since decoding
// pictures that are in no scored clip is wasted.

// demand is the measured load of live cameras, in processors: seconds of processor time a second.
type demand struct {
	cameras    int     // open, paused or not
	decoding   float64 // of a camera that is not paused: its worker process
	scoring    float64 // likewise: all of its clips, and other work for it in this process
	discarding float64 // of a paused camera: its worker process
	machine    float64 // available for all of this
}

// scorerShare is the share of the machine that decoding must leave to the scorer.
const scorerShare = 0.7

// admit returns how many cameras to read at a time: all of them, as many as fit with all of their clips, or as many as
// leave the scorer its share.
func (d demand) admit() int {
	more := d.decoding - d.discarding // extra cost of a camera that is read
	if !(more > 0 && d.machine > 0) {
		return d.cameras
	}
	base := float64(d.cameras) * d.discarding
	all := (d.machine - base) / (more + d.scoring)
	some := ((1-scorerShare)*d.machine - base) / more
	return int(max(1, min(float64(d.cameras), max(all, some))))
}

// advice describes settings that would fit, given the smallest hop of the cameras.
func (d demand) advice(hop int) string {
	if !(d.machine > 0 && d.decoding+d.scoring > 0) {
		return "fewer cameras, a larger hop (key hop) or fewer frames a second (key fps)"
	}
	fit := fmt.Sprintf("%d such cameras", int(max(1, d.machine/(d.decoding+d.scoring))))
	left := d.machine - float64(d.cameras)*d.decoding
	if left <= 0 {
		return fit
	}
	if wider := math.Ceil(float64(hop) * float64(d.cameras) * d.scoring / left); wider <= MaxHop {
		fit += fmt.Sprintf(", or a hop of %d for these (key hop), or fewer frames a second (key fps)",
			int(max(wider, float64(hop)+1)))
	}
	return fit
}

// MaxHop is the largest hop that advice suggests: the largest that a configuration allows.
const MaxHop = 160

// nextTurn returns which cameras to pause for the next turn so that n are read: those with the most scored clips.
// scored is indexed by camera.
func nextTurn(scored []float64, n int) (paused []bool) {
	order := make([]int, len(scored))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scored[a], scored[b]) })
	paused = make([]bool, len(scored))
	for _, i := range order[min(n, len(order)):] {
		paused[i] = true
	}
	return paused
}

// credit adds each camera's clips of the last turn to its total. A new camera starts with the minimum of the others. A
// camera that was read for the whole turn counts for at least half of the mean, so that one without scored clips does
// not keep others paused forever.
func credit(before []float64, turn []turnScore) {
	lowest, sum, read := math.Inf(1), 0.0, 0.0
	for i, t := range turn {
		if !math.IsNaN(before[i]) {
			lowest = min(lowest, before[i])
		}
		if t.read {
			sum, read = sum+t.clips, read+1
		}
	}
	if math.IsInf(lowest, 1) {
		lowest = 0
	}
	for i, t := range turn {
		if math.IsNaN(before[i]) {
			before[i] = lowest
		}
		if t.read {
			t.clips = max(t.clips, sum/read/2)
		}
		before[i] += t.clips
	}
}

// turnScore is how many clips of a camera were scored in the last turn, and whether it was read for all of it.
type turnScore struct {
	clips float64
	read  bool
}
