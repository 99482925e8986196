package capture

import (
	"context"
	"os"
	"sync"
)

// ffmpegOptions is the environment variable in which OpenCV takes options for FFmpeg. It holds for the whole process,
// so captures that want different options must not be opened at the same time.
const ffmpegOptions = "OPENCV_FFMPEG_CAPTURE_OPTIONS"

// ffmpegLog is the environment variable for how much FFmpeg writes to stderr, quiet its word for nothing.
const (
	ffmpegLog = "OPENCV_FFMPEG_LOGLEVEL"
	quiet     = "-8"
)

// gate lets any number of openings pass at once as long as they want the same options; one that wants others waits
// until those before it are through, and lets none that comes later overtake it.
type gate struct {
	mu      sync.Mutex
	value   string
	inside  int
	waiting int
	empty   chan struct{} // closed when the last one leaves
}

var opening gate

// enter sets the options and holds them until leave.
func (g *gate) enter(ctx context.Context, value string) error {
	for {
		empty, err := g.try(value)
		if empty == nil {
			return err
		}
		select {
		case <-empty:
			err = nil
		case <-ctx.Done():
			err = ctx.Err()
		}
		g.mu.Lock()
		g.waiting--
		g.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// try enters, or gives a channel to wait for and counts the caller as waiting.
func (g *gate) try(value string) (<-chan struct{}, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.inside == 0:
		if err := os.Setenv(ffmpegOptions, value); err != nil {
			return nil, err
		}
		// FFmpeg's own lines on stderr have no camera in them, and what they tell of comes back as an error.
		if err := os.Setenv(ffmpegLog, quiet); err != nil {
			return nil, err
		}
		g.value, g.empty = value, make(chan struct{})
	case g.value != value || g.waiting > 0:
		g.waiting++
		return g.empty, nil
	}
	g.inside++
	return nil, nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 {
		close(g.empty)
	}
}
