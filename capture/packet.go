package capture

import (
	"time"
)

// Packet is an encoded frame as the camera sent it.
type Packet struct {
	Data []byte
	// PTS and DTS are the presentation and decoding times on a clock that never goes back: see packetClock.
	PTS, DTS time.Duration
	// Key marks a key frame.
	Key bool
	// Arrival is when the packet was read.
	Arrival time.Time
}

// Coding describes a stream's codec. It is plain data, so that another process can write what this one has read.
type Coding struct {
	Codec         string // FFmpeg's name, such as h264 or mjpeg
	Extra         []byte // the codec's extradata, which a decoder needs before the first packet
	Width, Height int
}

// padding is the number of bytes that FFmpeg may read past a packet's end.
const padding = 64

// rawTimes are a packet's timestamps as the camera sent them.
type rawTimes struct {
	pts, dts       time.Duration
	hasPTS, hasDTS bool
}

// decode returns the decoding time, or the presentation time if there is none.
func (r rawTimes) decode() (time.Duration, bool) {
	if r.hasDTS {
		return r.dts, true
	}
	return r.pts, r.hasPTS
}

// maxReorder is the maximum delay from decoding to presentation.
const maxReorder = 5 * time.Second

// packetClock gives packets timestamps that never go back, whatever the camera's clock does.
type packetClock struct {
	ptsClock
	timed bool // a packet had a timestamp
}

// isUntimed reports whether the camera sends no timestamps at all. The first packet may lack one in any stream.
func (c *packetClock) isUntimed() bool { return !c.timed && c.count > 1 }

// set computes a packet's PTS and DTS.
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
