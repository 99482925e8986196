package pipeline

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/internal/cameratest"
	"vigil/model"
	"vigil/pipeline/detect"
	"vigil/video"
)

const (
	calmGrey   = 128 // error 0.004
	brightGrey = 255 // error 1
)

// fakeStream is a stream of flat pictures, ten a second; it ends with err.
type fakeStream struct {
	greys      []byte
	err        error
	live       bool
	firstSeq   uint64
	generation int
	at         int
	restart    int           // frame at which the stream's clock restarts; 0 for never
	stopDelay  time.Duration // how long a read continues after its context is done
	jump       time.Duration // change of the system clock at frame jumpAt
	jumpAt     int
}

func (f *fakeStream) Info() video.Info {
	return video.Info{Width: 32, Height: 24, FPS: 10, Frames: len(f.greys), Live: f.live}
}

func (f *fakeStream) Read(ctx context.Context, frame *video.Frame) error {
	if f.live {
		time.Sleep(100 * time.Millisecond)
	}
	if err := ctx.Err(); err != nil {
		time.Sleep(f.stopDelay)
		return err
	}
	if f.at == len(f.greys) {
		return f.err
	}
	*frame = video.Frame{
		Seq: f.firstSeq + uint64(f.at), PTS: time.Duration(f.at) * 100 * time.Millisecond, Arrival: time.Now(),
		Generation: f.generation, Width: 32, Height: 24, Channels: 1, Pix: make([]byte, 32*24),
	}
	if f.restart > 0 && f.at >= f.restart {
		frame.PTS = time.Duration(f.at-f.restart) * 100 * time.Millisecond
	}
	if f.jump != 0 && f.at >= f.jumpAt {
		frame.Arrival = time.Now().Round(0).Add(f.jump)
	}
	// Only the left half shows anything, so that a test can check the boxes.
	for y := range 24 {
		for x := range 16 {
			frame.Pix[y*32+x] = f.greys[f.at]
		}
		for x := 16; x < 32; x++ {
			frame.Pix[y*32+x] = calmGrey
		}
	}
	f.at++
	return nil
}

func (f *fakeStream) Close() error { return nil }

// shrink prepares a grey frame without OpenCV: each pixel of the small picture is one of the large one.
type shrink struct{ side int }

func (s shrink) Prepare(f *video.Frame) (video.Picture, error) {
	gray := make([]byte, s.side*s.side)
	for y := range s.side {
		for x := range s.side {
			gray[y*s.side+x] = f.Pix[y*f.Height/s.side*f.Width+x*f.Width/s.side]
		}
	}
	return video.Picture{
		Seq: f.Seq, PTS: f.PTS, Arrival: f.Arrival, Generation: f.Generation, Width: f.Width, Height: f.Height,
		Side: s.side,
		Gray: gray,
	}, nil
}

func (shrink) Close() error { return nil }

// camera returns one fakeStream for each opening, and repeats the last one.
func camera(t *testing.T, name string, streams ...fakeStream) Camera {
	m := cameratest.ZeroModel(t, 0)
	return Camera{
		Name: name, Model: m, Lossless: true, Hop: 1, Threshold: Threshold{Lo: 0.01, Theta: 0.1},
		Detector: detect.Config{Enter: 0.5, Leave: 0.6, OpenAfter: 500 * time.Millisecond, CloseAfter: time.Second},
		RetryMin: time.Second, RetryMax: time.Minute,
		NewPreparer: func() (Preparer, error) { return shrink{m.Spec().Side}, nil },
		Open: func(_ context.Context, firstSeq uint64, generation int) (Stream, error) {
			f := streams[min(generation, len(streams))-1]
			f.firstSeq, f.generation = firstSeq, generation
			return &f, nil
		},
	}
}

// scene has before calm frames, bright bright ones, and after calm ones.
func scene(before, bright, after int) []byte {
	return slices.Concat(slices.Repeat([]byte{calmGrey}, before), slices.Repeat([]byte{brightGrey}, bright),
		slices.Repeat([]byte{calmGrey}, after))
}

// recorder is a publisher that accepts and records everything.
type recorder struct {
	mu     sync.Mutex
	alerts []alerts.Alert
	scores []alerts.Score
	states []alerts.Status
	refuse bool
}

func (l *recorder) Publish(ctx context.Context, a alerts.Alert) error {
	if l.refuse {
		<-ctx.Done()
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alerts = append(l.alerts, a)
	return nil
}

func (l *recorder) PublishScore(s alerts.Score) error {
	l.scores = append(l.scores, s)
	return nil
}

func (l *recorder) PublishStatus(s alerts.Status) error {
	l.states = append(l.states, s)
	return nil
}

// eventPhases checks that each event starts once, ends once and numbers its messages without gaps, and that
// every message can be encoded. It returns phases and reasons in order, as "start end:calm".
func (l *recorder) eventPhases(t *testing.T) string {
	t.Helper()
	next := map[string]int{}
	var phases []string
	for _, a := range l.alerts {
		if a.Seq != next[a.ID] || (a.Seq == 0) != (a.Phase == alerts.PhaseStart) {
			t.Errorf("message %s is a %s, want number %d of its event", a.MessageID(), a.Phase, next[a.ID])
		}
		next[a.ID]++
		if a.Phase == alerts.PhaseEnd {
			next[a.ID] = -1
		}
		if _, err := alerts.Encode(a); err != nil {
			t.Error(err)
		}
		phase := string(a.Phase)
		if a.EndReason != "" {
			phase += ":" + string(a.EndReason)
		}
		phases = append(phases, phase)
	}
	for id, n := range next {
		if n != -1 {
			t.Errorf("event %s has no end", id)
		}
	}
	return strings.Join(phases, " ")
}

// overflowingModel returns a model whose values overflow float32.
func overflowingModel(t *testing.T) *model.Model { return constantModel(t, 1e30) }

// constantModel returns a model all of whose weights are equal.
func constantModel(t *testing.T, weight float32) *model.Model {
	t.Helper()
	spec, err := model.FindPreset("micro")
	if err != nil {
		t.Fatal(err)
	}
	w, err := model.NewWeights(spec)
	if err != nil {
		t.Fatal(err)
	}
	for name, tensor := range w.Tensors {
		if strings.HasSuffix(name, ".weight") {
			for i := range tensor.Float {
				tensor.Float[i] = weight
			}
		}
	}
	m, err := model.New(w)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
