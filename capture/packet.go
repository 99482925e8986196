package capture

import (
	"time"
)

// Packet is a coded picture as a camera sent it.
type Packet struct {
	Data []byte
	// PTS and DTS say when it is shown and when it is decoded, on a clock that only goes forward: see packetClock.
	PTS, DTS time.Duration
	// Key says that decoding can begin here.
	Key bool
	// Arrival is when it was read.
	Arrival time.Time
}

// Coding says how a stream's pictures are coded. It is plain data, so that another process can write what one has read.
type Coding struct {
	Codec         string // FFmpeg's name, as h264 or mjpeg
	Extra         []byte // what a decoder has to know before the first packet
	Width, Height int
}

// padding is how far behind a packet's end FFmpeg may read.
const padding = 64

// rawTimes are a packet's times as the camera has them.
type rawTimes struct {
	pts, dts       time.Duration
	hasPTS, hasDTS bool
}

// decode is when the packet is decoded, as far as that is known.
func (r rawTimes) decode() (time.Duration, bool) {
	if r.hasDTS {
		return r.dts, true
	}
	return r.pts, r.hasPTS
}

// maxReorder is how long after its decoding a picture may be shown.
const maxReorder = 5 * time.Second

// packetClock gives packets times that only go forward, whatever the camera's own clock does.
type packetClock struct {
	ptsClock
	timed bool // a packet had a time
}

// isUntimed says whether the camera says no times at all. Its first packet may lack one with any.
func (c *packetClock) isUntimed() bool { return !c.timed && c.count > 1 }

// set sets a packet's times.
func (c *packetClock) set(p *Packet, r rawTimes) {
	raw, known := r.decode()
	c.timed = c.timed || known
	last, first := c.last, c.count == 0
	var at time.Duration
	switch {
	case known || first:
		at, _ = c.at(raw, p.Arrival)
	case c.isUntimed():
		at = last + p.Arrival.Sub(c.arrived)
		c.count++
		c.last, c.arrived = at, p.Arrival
	default:
		at = c.untimed(p.Arrival)
	}
	if !first && at <= last { // a recording's clock may go back
		c.offset += last + c.step - at
		at = last + c.step
		c.last = at
	}
	p.DTS, p.PTS = at, at
	if late := r.pts - r.dts; r.hasPTS && r.hasDTS && late > 0 && late <= maxReorder {
		p.PTS += late
	}
}
