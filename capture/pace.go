package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"vigil/capture/source"
)

// maxWait is the maximum wait for one frame. A longer step is a gap in the recording or a leap of its clock, and
// is skipped.
const maxWait = 10 * time.Second

// pacer delays frames until they are due.
type pacer struct {
	start time.Time     // when the frame with time base was returned
	base  time.Duration // stream time
	last  time.Duration
}

func (p *pacer) pace(ctx context.Context, pts time.Duration) error {
	if p.start.IsZero() || pts < p.last || pts-p.last > maxWait {
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

// nameError adds the source's address to an error, but returns io.EOF unchanged.
func nameError(addr source.Address, err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("reading %v: %w", addr, err)
}
