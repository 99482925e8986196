package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// pacer holds pictures back until their time has come.
type pacer struct {
	start time.Time     // when the picture of time base came
	base  time.Duration // stream time
	last  time.Duration
}

func (p *pacer) wait(ctx context.Context, pts time.Duration) error {
	if p.start.IsZero() || pts < p.last {
		p.start, p.base = time.Now(), pts
	}
	p.last = pts
	d := time.Until(p.start.Add(pts - p.base))
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// clock makes stream times of the positions that OpenCV reports. These are a picture's presentation time, in order of
// display, but two kinds are none: a raw elementary stream has 0 for ever, and the pictures that a decoder still holds
// at the end of a file (as many as it reorders) have 0 too.
type clock struct {
	step      time.Duration // between pictures as far as the header says
	count     int
	first     time.Duration
	raw, last time.Duration // of the last picture: as reported, as given out
}

// at gives the time of the next picture since the first one. Where the reported time stands still the last time plus
// one step is given; a time that goes back is given as it is, for something was cut there.
func (c *clock) at(raw time.Duration) time.Duration {
	c.count++
	switch {
	case c.count == 1:
		c.first, c.raw, c.last = raw, raw, 0
		return 0
	case c.count == 2 && raw <= c.raw:
		c.first = raw - c.step // RTSP has no time yet for its first picture
	}
	if t := raw - c.first; t > c.last || raw < c.raw {
		c.last = t
	} else {
		c.last += c.step
	}
	c.raw = raw
	return c.last
}

// untimed gives a time for a picture that has none; it is not the first.
func (c *clock) untimed() time.Duration {
	c.count++
	c.last += c.step
	return c.last
}

// nameError names the source in an error, but leaves io.EOF plain.
func nameError(addr Address, err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("reading %v: %w", addr, err)
}
