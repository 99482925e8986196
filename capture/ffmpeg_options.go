package capture

import (
	"context"
	"os"
	"sync"
)

// ffmpegOptions is the environment variable through which OpenCV takes options for FFmpeg. It applies to the whole
// process, so captures with different options must not be opened at the same time.
const ffmpegOptions = "OPENCV_FFMPEG_CAPTURE_OPTIONS"

// ffmpegLog is the environment variable with FFmpeg's log level, and quiet the level that logs nothing.
const (
	ffmpegLog = "OPENCV_FFMPEG_LOGLEVEL"
	quiet     = "-8"
)

// gate admits concurrent openings that use the same options. An opening with other options waits until the current ones
// are done, and later ones queue behind it.
type gate struct {
	mu      sync.Mutex
	value   string
	inside  int
	waiting int
	empty   chan struct{} // closed when the last opening is done
}

var opening gate

// enter sets the options and keeps them until leave.
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

// try enters, or returns a channel to wait on and counts the caller as waiting.
func (g *gate) try(value string) (<-chan struct{}, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.inside == 0:
		if err := os.Setenv(ffmpegOptions, value); err != nil {
			return nil, err
		}
		// FFmpeg's own log lines do not name the camera, and failures are returned as errors.
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
