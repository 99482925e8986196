package pipeline

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Cameras that are too many are shed in two ways. Where the model has too much to do whole clips are, in the mailbox,
// and that is all as long as decoding leaves the scorer its share. Where it does not, whole cameras are paused, in
// turn: a picture that is decoded and belongs to no clip that is scored is of no use.

// demand is what live cameras were measured to ask for, in processors: seconds of processor time a second.
type demand struct {
	cameras  int     // that are open, paused or not
	decoding float64 // of one that is not paused: its process
	scoring  float64 // likewise: all of its clips, and what else this process does for it
	passing  float64 // of one that is paused: its process
	machine  float64 // what there is for all of this
}

// scorerShare is the share of the machine that decoding leaves to the scorer where there is not enough for both.
const scorerShare = 0.7

// admit says how many of the cameras are to be watched at a time: all of them, or as many as either fit with all of
// their clips, or leave the scorer its share.
func (d demand) admit() int {
	more := d.decoding - d.passing // that a camera asks for when it is watched
	if !(more > 0 && d.machine > 0) {
		return d.cameras
	}
	least := float64(d.cameras) * d.passing
	all := (d.machine - least) / (more + d.scoring)
	some := ((1-scorerShare)*d.machine - least) / more
	return int(max(1, min(float64(d.cameras), max(all, some))))
}

// advice says what would fit in place of these cameras, whose smallest hop is given.
func (d demand) advice(hop int) string {
	if !(d.machine > 0 && d.decoding+d.scoring > 0) {
		return "fewer cameras, a larger hop (key hop) or fewer frames a second (key fps)"
	}
	fit := fmt.Sprintf("%d such cameras", int(max(1, d.machine/(d.decoding+d.scoring))))
	left := d.machine - float64(d.cameras)*d.decoding
	if left <= 0 {
		return fit
	}
	if wider := math.Ceil(float64(hop) * float64(d.cameras) * d.scoring / left); wider <= maxHop {
		fit += fmt.Sprintf(", or a hop of %d for these (key hop), or fewer frames a second (key fps)",
			int(max(wider, float64(hop)+1)))
	}
	return fit
}

// maxHop is the largest hop that is worth naming.
const maxHop = 160

// nextTurn says which cameras, by their place, are paused for the next while, so that n are watched: those of which
// the least was scored. scored[i] is how many clips of camera i were.
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

// credit adds what was scored of each camera in the last while to what was scored before. One that is new begins with
// the least of the others, and one that was watched all the time counts with half of the mean at least: a camera of
// which nothing can be scored must not be watched in place of others for ever.
func credit(before []float64, turn []turnScore) {
	least, sum, watched := math.Inf(1), 0.0, 0.0
	for i, t := range turn {
		if !math.IsNaN(before[i]) {
			least = min(least, before[i])
		}
		if t.watched {
			sum, watched = sum+t.clips, watched+1
		}
	}
	if math.IsInf(least, 1) {
		least = 0
	}
	for i, t := range turn {
		if math.IsNaN(before[i]) {
			before[i] = least
		}
		if t.watched {
			t.clips = max(t.clips, sum/watched/2)
		}
		before[i] += t.clips
	}
}

// turnScore is how many clips of a camera were scored in the last while, and whether it was watched all the time.
type turnScore struct {
	clips   float64
	watched bool
}
