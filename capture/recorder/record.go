package recorder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vigil/capture"
	"vigil/internal/retry"
	"vigil/video"
)

// Camera is a camera that is recorded.
type Camera struct {
	// Connect records into the folder until ctx is done, the camera disconnects or the folder returns an error; it
	// calls opened once.
	Connect func(ctx context.Context, opened func(video.Info)) error
	// Pause returns the time before the next connection, given how long the last one lasted; 0 if it never opened.
	Pause func(delivered time.Duration) time.Duration
	// OnOpen and OnLost are called when a connection is open, and before the pause after it.
	OnOpen func(video.Info)
	OnLost func(err error, pause time.Duration)
}

// Record records a camera until ctx is done and reconnects whenever it disconnects. An error is always the folder's, of
// type *Error.
func (f *Folder) Record(ctx context.Context, c Camera) error {
	for {
		var opened time.Time
		err := c.Connect(ctx, func(info video.Info) {
			opened = time.Now()
			c.OnOpen(info)
		})
		if ctx.Err() != nil {
			err = errors.Join(err, f.Interrupt())
		} else {
			err = errors.Join(err, f.Lost())
		}
		var full *Error
		switch {
		case errors.As(err, &full):
			return err
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was stopped, or its time is over
		case err == nil:
			err = capture.ErrLost // the camera's process ended without an error
		}
		var delivered time.Duration
		if !opened.IsZero() {
			delivered = time.Since(opened)
		}
		pause := c.Pause(delivered)
		c.OnLost(err, pause)
		if !retry.Sleep(ctx, pause) {
			return nil
		}
	}
}

// Totals are the sums over what was recorded.
type Totals struct {
	Segments, Gaps int
	Bytes          int64
	Recorded, Gap  time.Duration
}

// AddSegment counts a finished file.
func (t *Totals) AddSegment(s Segment) {
	t.Segments++
	t.Bytes += s.Bytes
	t.Recorded += s.Duration
}

// AddGap counts a gap between two pictures.
func (t *Totals) AddGap(g Gap) {
	t.Gaps++
	t.Gap += g.Duration
}

func (t *Totals) String() string {
	files := "1 file"
	if t.Segments != 1 {
		files = fmt.Sprintf("%d files", t.Segments)
	}
	return fmt.Sprintf("%s, %s, %s%s", files, t.Recorded.Round(time.Second), bytesText(t.Bytes), t.gapText())
}

func (t *Totals) gapText() string {
	switch t.Gaps {
	case 0:
		return ", no gaps"
	case 1:
		return fmt.Sprintf(", 1 gap of %s", t.Gap.Round(100*time.Millisecond))
	}
	return fmt.Sprintf(", %d gaps of %s together", t.Gaps, t.Gap.Round(100*time.Millisecond))
}

func bytesText(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
