package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/evidence"
	"vigil/api"
	"vigil/geometry"
	"vigil/internal/errcode"
	"vigil/pipeline"
)

const (
	// snapshotEvery is how long a picture of a camera serves all who ask for one.
	snapshotEvery = 250 * time.Millisecond
	// snapshotLimit bounds the time that a picture takes, with the wait for a clip or for a turn to draw.
	snapshotLimit = 5 * time.Second
	// pictureLimit bounds the wait for a camera's process to send a picture; after it the preview serves.
	pictureLimit = time.Second
	// drawingRest is the pause after a picture was drawn, in lengths of the drawing: so drawing takes a quarter of a
	// processor at most, however many ask.
	drawingRest = 3
)

// snapshots takes pictures of cameras for those who ask: of each camera a few a second at most, which they share, and
// one is drawn at a time. It keeps none for longer than that.
type snapshots struct {
	drawing chan struct{} // capacity 1: full while a picture is drawn, and during the rest after it

	mu     sync.Mutex
	latest map[snapshotKey]*snapshot
}

// snapshotKey is a kind of picture of a camera, from its opening with one configuration to its end.
type snapshotKey struct {
	media *pipeline.MediaBuffer
	heat  bool
}

// snapshot is a picture that is being taken or is recent.
type snapshot struct {
	done    chan struct{}
	picture api.Snapshot
	err     error
}

func newSnapshots() *snapshots {
	return &snapshots{drawing: make(chan struct{}, 1), latest: map[snapshotKey]*snapshot{}}
}

// get returns a recent picture, or the one that take returns. A request that is abandoned leaves it to another one.
func (s *snapshots) get(ctx context.Context, key snapshotKey,
	take func(context.Context) (api.Snapshot, error),
) (api.Snapshot, error) {
	for {
		s.mu.Lock()
		one, found := s.latest[key]
		if !found {
			one = &snapshot{done: make(chan struct{})}
			s.latest[key] = one
		}
		s.mu.Unlock()
		if !found {
			one.err = context.Canceled // for the others, if take panics
			defer s.finish(key, one)
			one.picture, one.err = take(ctx)
			return one.picture, one.err
		}
		select {
		case <-one.done:
		case <-ctx.Done():
			return api.Snapshot{}, ctx.Err()
		}
		if !errors.Is(one.err, context.Canceled) {
			return one.picture, one.err
		}
	}
}

// finish gives a picture to those who wait for it, and for snapshotEvery to others. An error is only for those who
// wait.
func (s *snapshots) finish(key snapshotKey, one *snapshot) {
	remove := func() {
		s.mu.Lock()
		delete(s.latest, key)
		s.mu.Unlock()
	}
	if one.err == nil {
		time.AfterFunc(snapshotEvery, remove)
	} else {
		remove()
	}
	close(one.done)
}

// The reasons why there is no picture of a camera that works.
var (
	errNoPicture = errcode.CameraNoSnapshot.New("the camera has not sent a picture yet")
	errNoClip    = errcode.CameraNoSnapshot.New(fmt.Sprintf("no clip was scored within %v", snapshotLimit))
	errDrawing   = errcode.CameraNoSnapshot.New("too many pictures are being drawn")
)

// draw calls a function that draws a picture, when it is its turn.
func (s *snapshots) draw(ctx context.Context, f func() ([]byte, error)) ([]byte, error) {
	select {
	case s.drawing <- struct{}{}:
	case <-ctx.Done():
		return nil, errDrawing
	}
	began := time.Now()
	defer func() { time.AfterFunc(drawingRest*time.Since(began), func() { <-s.drawing }) }()
	return f()
}

// Snapshot implements api.Snapshots.
func (s *apiSystem) Snapshot(ctx context.Context, name string, heat bool) (api.Snapshot, error) {
	all := s.watched()
	i := slices.IndexFunc(all, func(c watched) bool { return c.config.Name == name })
	if i < 0 {
		return api.Snapshot{}, s.noCamera(name)
	}
	media, mask := all[i].camera.Media, all[i].config.Mask
	if err := s.noPicture(name, media, heat, all[i].config.Footage.Keep > 0); err != nil {
		return api.Snapshot{}, err
	}
	return s.snapshots.get(ctx, snapshotKey{media, heat}, func(ctx context.Context) (api.Snapshot, error) {
		p, err := s.snapshots.take(ctx, media, heat, mask)
		return p, cmp.Or(ctx.Err(), err) // what an abandoned request leaves is for nobody
	})
}

// take takes a picture of a camera, with the error map over it if heat is set.
func (s *snapshots) take(ctx context.Context, media *pipeline.MediaBuffer, heat bool, mask []geometry.Polygon) (
	api.Snapshot, error,
) {
	ctx, cancel := context.WithTimeout(ctx, snapshotLimit)
	defer cancel()
	latest, ok := media.Latest()
	if !ok {
		return api.Snapshot{}, api.NoPicture{Err: errNoPicture}
	}
	frame, clip := latest.Seq, &pipeline.ErrorMap{}
	if heat {
		if clip, ok = media.ErrorMap(ctx); !ok {
			return api.Snapshot{}, api.NoPicture{Err: errNoClip}
		}
		frame = clip.Frame
	}
	reading, stop := context.WithTimeout(ctx, pictureLimit)
	p, _, err := media.Picture(reading, frame)
	stop()
	if err == nil && heat && !media.Near(frame) {
		err = errNoClip // only pictures of another time are left
	}
	if err != nil {
		return api.Snapshot{}, api.NoPicture{Err: err}
	}
	if heat || len(mask) > 0 {
		p.JPEG, err = s.draw(ctx, func() ([]byte, error) {
			return evidence.Draw(p.JPEG, clip.Errors, clip.Side, clip.Boxes, mask)
		})
	}
	if err != nil {
		return api.Snapshot{}, errcode.CameraNoSnapshot.Default(err)
	}
	return api.Snapshot{JPEG: p.JPEG, SHA256: evidence.Digest(p.JPEG), Taken: p.Arrival}, nil
}

// noCamera says why a camera is not monitored.
func (s *system) noCamera(name string) error {
	if m, exists := s.getMade(name); exists && m.err != nil {
		return api.NoPicture{Err: errcode.CameraFailed.Default(m.err)}
	}
	return fmt.Errorf("camera %q: %w", name, api.ErrNoCamera)
}

// noPicture says why a camera gives no picture now, or no error map; nil if it gives one.
func (s *system) noPicture(name string, media *pipeline.MediaBuffer, heat, kept bool) error {
	s.monitor.mu.Lock()
	status := s.monitor.of(name).status
	s.monitor.mu.Unlock()
	e := api.NoPicture{Since: status.Wall}
	latest, seen := media.Latest()
	code := errcode.Code(status.Code)
	switch status.State {
	case "", alerts.StateConnecting:
		status.Detail = "it is being opened"
	case alerts.StateStalled, alerts.StateFailing, alerts.StatePausedOverload, alerts.StateStopped,
		alerts.StateEnded, alerts.StateFailed:
	case alerts.StatePaused:
		code, seen = errcode.CameraPaused, false
	case alerts.StateNoClips, alerts.StateUnscorable:
		if !heat {
			return nil
		}
		seen = false
	default:
		if seen {
			return nil
		}
		if status.Detail = "its first picture is not there yet"; !kept {
			status.Detail = "no pictures of it are kept, since footage.keep is 0"
		}
	}
	if seen {
		e.Since = latest.Arrival
	}
	text := fmt.Sprintf("camera %s is %s", name, status.State)
	if status.State == "" {
		text = "camera " + name
	}
	if status.Detail != "" {
		text += ": " + status.Detail
	}
	if code == "" {
		code = errcode.CameraNoSnapshot
	}
	e.Err = code.New(text)
	return e
}
