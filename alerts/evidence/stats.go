package evidence

import (
	"errors"
	"sync/atomic"
)

// Loss is why a piece of evidence is missing.
type Loss int

// The losses.
const (
	LostQueueFull    Loss = iota // too many events at once
	LostNoPictures               // no pictures of the time are kept any more
	LostOverloaded               // the encoder is too far behind
	LostStopped                  // the program was stopped first
	LostNotAnnounced             // it is stored, and no message names it: the publisher was too far behind
	LostFailed                   // anything else
	losses
)

var lossNames = [losses]string{"queue_full", "no_pictures", "overloaded", "stopped", "not_announced", "failed"}

// String is the loss's name, of a-z and _.
func (l Loss) String() string { return lossNames[l] }

var (
	errNoPictures = errors.New("no pictures of this time are kept")
	errOverloaded = errors.New("the encoder is too far behind")
)

// lossOf returns the loss that an error of warn means.
func lossOf(err error) Loss {
	switch {
	case errors.Is(err, errStopped):
		return LostStopped
	case errors.Is(err, errNoPictures):
		return LostNoPictures
	case errors.Is(err, errOverloaded):
		return LostOverloaded
	}
	return LostFailed
}

// counters are a Maker's.
type counters struct {
	stored, bytes atomic.Uint64
	lost          [losses]atomic.Uint64
}

// Stats are counts since the Maker was started.
type Stats struct {
	Stored uint64 // pieces
	Bytes  uint64 // of these
	Lost   map[Loss]uint64
}

// Stats returns the counts, with every Loss.
func (m *Maker) Stats() Stats {
	s := Stats{Stored: m.counts.stored.Load(), Bytes: m.counts.bytes.Load(), Lost: map[Loss]uint64{}}
	for l := range losses {
		s.Lost[l] = m.counts.lost[l].Load()
	}
	return s
}
