package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
	"vigil/capture/source"
)

// longestPause is how long a pacer waits for one picture. A longer step is a hole in the recording, or its clock
// leapt: it is skipped, for nothing happens in it.
const longestPause = 10 * time.Second

// pacer holds pictures back until their time has come.
type pacer struct {
	start time.Time     // when the picture of time base came
	base  time.Duration // stream time
	last  time.Duration
}

func (p *pacer) pace(ctx context.Context, pts time.Duration) error {
	if p.start.IsZero() || pts < p.last || pts-p.last > longestPause {
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

// nameError names the source in an error, but leaves io.EOF plain.
func nameError(addr source.Address, err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("reading %v: %w", addr, err)
}
