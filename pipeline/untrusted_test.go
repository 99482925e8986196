package pipeline

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/model"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
	"vigil/pipeline/tamper"
	"vigil/video"
)

// placeSide is the side of the pictures of a drawn place, the least that can be checked.
const placeSide = 64

// place is a stream of a drawn place, ten noisy frames a second; effect changes the frame at a second of the opening.
type place struct {
	effect     func(frame []byte, second float64)
	frozen     float64 // second from which on the picture is the same; 0 for never
	frames     int
	err        error
	live       bool
	firstSeq   uint64
	generation int

	at   int
	base []byte
	last []byte
	rand *rand.Rand
}

func (p *place) Info() video.Info {
	return video.Info{Width: placeSide, Height: placeSide, FPS: 10, Frames: p.frames, Live: p.live}
}

func (p *place) Close() error { return nil }

func (p *place) Read(ctx context.Context, f *video.Frame) error {
	if p.base == nil {
		p.rand = rand.New(rand.NewPCG(1, 2))
		p.base = make([]byte, placeSide*placeSide)
		for i := range p.base {
			p.base[i] = 110
		}
		for range 120 {
			x, y, tone := p.rand.IntN(placeSide), p.rand.IntN(placeSide), byte(40+p.rand.IntN(180))
			for v := y; v < min(placeSide, y+9); v++ {
				for u := x; u < min(placeSide, x+7); u++ {
					p.base[v*placeSide+u] = tone
				}
			}
		}
	}
	if p.live {
		time.Sleep(100 * time.Millisecond)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.at == p.frames {
		return p.err
	}
	pix := make([]byte, len(p.base))
	copy(pix, p.base)
	if p.effect != nil {
		p.effect(pix, float64(p.at)/10)
	}
	for i, v := range pix {
		pix[i] = byte(max(0, min(255, float64(v)+1.5*p.rand.NormFloat64()+0.5)))
	}
	if p.frozen > 0 && float64(p.at)/10 > p.frozen {
		pix = p.last
	}
	p.last = pix
	*f = video.Frame{
		Seq: p.firstSeq + uint64(p.at), PTS: time.Duration(p.at) * 100 * time.Millisecond, Arrival: time.Now(),
		Generation: p.generation, Width: placeSide, Height: placeSide, Channels: 1, Pix: pix,
	}
	p.at++
	return nil
}

// asIs is a preparer for frames that have the model's size.
type asIs struct{}

func (asIs) Prepare(f *video.Frame) (video.Picture, error) {
	return video.Picture{
		Seq: f.Seq, PTS: f.PTS, Arrival: f.Arrival, Generation: f.Generation, Width: f.Width, Height: f.Height,
		Side: placeSide, Gray: f.Pix,
	}, nil
}

func (asIs) Close() error { return nil }

func coverFrame(frame []byte) {
	for i := range frame {
		frame[i] = byte(225 + i/placeSide/4)
	}
}

func moveFrame(frame []byte) {
	for y := range placeSide {
		row := frame[y*placeSide:][:placeSide]
		copy(row[3:], row)
	}
}

// placeCamera is a camera of the place with a calibration that has learned it; one place for each opening, and the last
// one again.
func placeCamera(t *testing.T, openings ...place) Camera {
	t.Helper()
	spec, err := model.FindPreset("micro")
	if err != nil {
		t.Fatal(err)
	}
	spec.Side = placeSide
	w, err := model.NewWeights(spec)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(w)
	if err != nil {
		t.Fatal(err)
	}
	open := func(openings ...place) func(context.Context, uint64, int) (Stream, error) {
		return func(_ context.Context, firstSeq uint64, generation int) (Stream, error) {
			p := openings[min(generation, len(openings))-1]
			p.firstSeq, p.generation = firstSeq, generation
			return &p, nil
		}
	}
	cam := camera(t, "gate")
	cam.Model, cam.Hop = m, 2
	cam.NewPreparer = func() (Preparer, error) { return asIs{}, nil }
	cam.Open = open(place{frames: 120, err: io.EOF})
	view := calibrate.NewViewLearner(placeSide, nil)
	cam.OnPicture = view.Add
	if _, err := Run(t.Context(), []Camera{cam}, Options{}); err != nil {
		t.Fatal(err)
	}
	ref, err := view.Reference()
	if err != nil {
		t.Fatal(err)
	}
	key := cam.CalibrationKey()
	key.Width, key.Height, key.FPS = placeSide, placeSide, 10
	cam.OnPicture, cam.Open = nil, open(openings...)
	// The model reconstructs mid-grey: the place has an error of about 0.2, the cover one of 0.8.
	cam.Threshold = Threshold{Lo: 0.3, Theta: 0.6, Calibration: &calibrate.Calibration{
		ID: "x", Key: key, Lo: 0.3, Theta: 0.6, ScoreForm: spec.Score, Reference: ref,
	}}
	return cam
}

// TestCoveredAndMoved covers a camera in the middle of a recording, moves it, and gives it its view back.
func TestCoveredAndMoved(t *testing.T) {
	var l recorder
	cam := placeCamera(t, place{frames: 400, err: io.EOF, effect: func(frame []byte, second float64) {
		switch {
		case second >= 10 && second < 18:
			coverFrame(frame)
		case second >= 18 && second < 28:
			moveFrame(frame)
		}
	}})
	var clips []detect.Clip
	stats, err := Run(t.Context(), []Camera{cam},
		Options{Publisher: &l, OnClip: func(c detect.Clip) { clips = append(clips, c) }})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.eventPhases(t); got != "start end:untrusted start update end:restored" {
		t.Fatalf("phases %q", got)
	}
	if s := stats[0]; s.Events != 1 || s.Held != 1 || s.Untrusted != 1 {
		t.Errorf("%d events, %d held, %d times untrusted; want one of each", s.Events, s.Held, s.Untrusted)
	}
	start, update, end := l.alerts[2], l.alerts[3], l.alerts[4]
	if start.Kind != alerts.KindUntrusted || start.Reason != "covered" || update.Reason != "moved" ||
		end.Reason != "moved" || start.Measurement != nil || start.CalibrationID != "x" {
		t.Errorf("start %+v, update for %q, end for %q", start, update.Reason, end.Reason)
	}
	// It is found after the start to which it is dated back.
	if at := start.Start.StreamSeconds; at < 9.4 || at > 10.8 || start.Start.Frame != uint64(10*at+0.5) {
		t.Errorf("began at %v s, frame %d; want 10", at, start.Start.Frame)
	}
	if at := start.Peak.StreamSeconds; at > 15 {
		t.Errorf("found at %v s, want by 15", at)
	}
	if at := end.End.StreamSeconds; at < 27.5 || at > 30 || math.Abs(end.DurationSeconds-(at-end.Start.StreamSeconds)) >
		0.01 {
		t.Errorf("ended at %v s after %v, want 28", at, end.DurationSeconds)
	}
	found, restored := start.Peak.StreamSeconds, end.End.StreamSeconds
	for _, c := range clips {
		first, last := c.First.PTS.Seconds(), c.Last.PTS.Seconds()
		switch {
		case last >= found && first < restored:
			if c.Untrusted == "" || !math.IsNaN(c.Regularity) || c.Cause != "" || c.Error <= 0 {
				t.Fatalf("the clip from %v to %v s is trusted: %+v", first, last, c)
			}
		case c.Untrusted != "" && (last < found || first > restored+4):
			t.Fatalf("the clip from %v to %v s is not trusted", first, last)
		}
	}
	for _, s := range l.scores {
		at := s.StreamSeconds
		if at > found && at < restored && (s.Regularity != nil || s.Cause != "") {
			t.Errorf("the score at %v s has a regularity", at)
		}
	}
	states := ""
	for _, s := range l.states {
		states += " " + string(s.State)
		if s.State == alerts.StateUntrusted && s.Code != "camera.untrusted" {
			t.Errorf("state %+v", s)
		}
	}
	if states != " connecting live untrusted untrusted live ended" {
		t.Errorf("states%s", states)
	}
}

// An event that is open when the picture freezes ends as untrusted, although what is seen then is calm for longer than
// an event must be before it ends, and before the picture counts as frozen. Without the freeze it ends as calm.
func TestFrozenEventIsNotCalm(t *testing.T) {
	for frozen, want := range map[float64]string{
		10: "start end:untrusted start end:source_ended", 0: "start end:calm",
	} {
		var l recorder
		cam := placeCamera(t, place{
			frames: 250, err: io.EOF, frozen: frozen,
			effect: func(frame []byte, second float64) {
				if second >= 7 && second < 9.4 {
					for i := range len(frame) / 4 {
						frame[i] = 250
					}
				}
			},
		})
		cam.Threshold.Theta, cam.Threshold.Calibration.Theta = 0.4, 0.4
		if _, err := Run(t.Context(), []Camera{cam}, Options{Publisher: &l}); err != nil {
			t.Fatal(err)
		}
		if got := l.eventPhases(t); got != want {
			t.Errorf("frozen at %g s: phases %q, want %q", frozen, got, want)
		}
	}
}

func TestUntrustedEndsWithSource(t *testing.T) {
	from := func(from float64) func([]byte, float64) {
		return func(frame []byte, second float64) {
			if second >= from {
				moveFrame(frame)
			}
		}
	}
	for _, c := range []struct {
		name, want string
		change     func(*Camera)
		from       float64
	}{
		{"a recording ends", "start end:source_ended", func(*Camera) {}, 10},
		{"moved before the start", "start end:source_ended", func(*Camera) {}, 0},
		{"always trusted", "", func(c *Camera) { c.AlwaysTrusted = true }, 10},
		{"a calibration of an earlier version", "", func(c *Camera) { c.Threshold.Calibration.Reference = nil }, 10},
		{"disarmed", "start end:disarmed", func(c *Camera) {
			var n atomic.Int64
			c.Armed = func(time.Time) bool { return n.Add(1) < 180 }
		}, 5},
		{"snoozed", "start end:snoozed", func(c *Camera) {
			var n atomic.Int64
			c.Suspended = func(time.Time) (off Suspension) {
				if n.Add(1) >= 180 {
					off = Suspension{alerts.StateSnoozed, "until noon"}
				}
				return off
			}
		}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l recorder
			cam := placeCamera(t, place{frames: 200, err: io.EOF, effect: from(c.from)})
			c.change(&cam)
			if _, err := Run(t.Context(), []Camera{cam}, Options{Publisher: &l}); err != nil {
				t.Fatal(err)
			}
			if got := l.eventPhases(t); got != c.want {
				t.Errorf("phases %q, want %q", got, c.want)
			}
			for _, a := range l.alerts {
				if a.Reason != "moved" || a.Peak.StreamSeconds > c.from+5 {
					t.Errorf("%s of %q found at %v s", a.Phase, a.Reason, a.Peak.StreamSeconds)
				}
			}
		})
	}
}

// TestUntrustedStreamReopens checks that a stream that is opened again is checked anew: one that is still moved has
// another event, one that is as it was has none, whatever its first pictures show.
func TestUntrustedStreamReopens(t *testing.T) {
	lost := errors.New("lost")
	moved := func(frame []byte, _ float64) { moveFrame(frame) }
	synctest.Test(t, func(t *testing.T) {
		var l recorder
		cam := placeCamera(t,
			place{frames: 150, err: lost, live: true, effect: func(frame []byte, second float64) {
				if second >= 5 {
					moveFrame(frame)
				}
			}},
			place{frames: 100, err: lost, live: true, effect: moved},
			place{frames: 300, err: lost, live: true, effect: func(frame []byte, second float64) {
				if second < 1.5 {
					coverFrame(frame)
				}
			}})
		cam.Live, cam.Lossless = true, false
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		if _, err := Run(ctx, []Camera{cam}, Options{Publisher: &l}); err != nil {
			t.Fatal(err)
		}
		var untrusted []string
		for _, a := range l.alerts {
			if a.Kind == alerts.KindUntrusted {
				untrusted = append(untrusted, string(a.Phase)+":"+a.Reason+":"+string(a.EndReason))
			}
		}
		const one = "start:moved: end:moved:source_lost"
		if got := strings.Join(untrusted, " "); got != one+" "+one {
			t.Errorf("alerts %q", got)
		}
	})
}

// A clip of a camera that cannot be trusted says so outside of its armed hours, too, when no event is open.
func TestUntrustedClipsWhileDisarmed(t *testing.T) {
	c := &cameraState{
		reader: &reader{}, camera: Camera{Armed: func(time.Time) bool { return false }},
	}
	(&scheduler{}).handleTrust(c, trustChange{reason: tamper.Covered})
	clip := detect.Clip{Regularity: 1}
	if !c.checkClip(&clip) || clip.Untrusted != "covered" || clip.Regularity == 1 {
		t.Errorf("untrusted is %q, regularity %g", clip.Untrusted, clip.Regularity)
	}
}
